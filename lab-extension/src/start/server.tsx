import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useState } from 'react';

import { inBytes } from '../resources/figures';
import { span } from '../session/words';

/** GPUs of one model, as the portal's `/api/resources` counts them. */
interface IModel {
  model: string;
  memory_mb: number | null;
  total: number;
  free: number | null;
  down: number;
}

interface IServer {
  gpus: IModel[];
  waiting: unknown[] | null;
  expected_wait: { median: number | null; nine_in_ten: number | null };
}

const PATIENCE_MS = 10_000;
const LOOK_MS = 60_000;

/** What there is to compute on at this server, from its portal, which everybody may ask. */
export function Server({ portal, trans }: { portal: string; trans: TranslationBundle }): React.ReactElement {
  const [server, setServer] = useState<IServer | null>(null);
  const [isAway, setAway] = useState(false);
  useEffect(() => {
    const look = async (): Promise<void> => {
      if (document.hidden) {
        return;
      }
      try {
        const answer = await fetch(`${portal}/api/resources`, {
          credentials: 'omit',
          signal: AbortSignal.timeout(PATIENCE_MS)
        });
        setServer(answer.ok ? ((await answer.json()) as IServer) : null);
        setAway(!answer.ok);
      } catch {
        setAway(true);
      }
    };
    void look();
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => clearInterval(timer);
  }, [portal]);
  return (
    <section aria-label={trans.__('GPUs of this server')}>
      <h2>{trans.__('GPUs of this server')}</h2>
      {isAway && <p>{trans.__('The portal doesn’t tell it now.')}</p>}
      {server && !isAway && <Figures server={server} trans={trans} />}
      <p>
        <a className="nebulab-welcome-link" href={`${portal}/resources`} target="_blank" rel="noopener noreferrer">
          {trans.__('All resources and who waits')}
        </a>
      </p>
      <p>
        <a className="nebulab-welcome-link" href={`${portal}/`} target="_blank" rel="noopener noreferrer">
          {trans.__('My access')}
        </a>
      </p>
    </section>
  );
}

function Figures({ server, trans }: { server: IServer; trans: TranslationBundle }): React.ReactElement {
  const { waiting, expected_wait: expected } = server;
  if (!server.gpus.length) {
    return <p>{trans.__('There is none: everything computes on processors.')}</p>;
  }
  return (
    <>
      <dl className="nebulab-welcome-limits">
        {server.gpus.map(each => (
          <React.Fragment key={`${each.model} ${each.memory_mb ?? ''}`}>
            <dt>
              {each.model}
              {each.memory_mb !== null && ` (${inBytes(each.memory_mb * 2 ** 20)})`}
            </dt>
            <dd>{free(each, trans)}</dd>
          </React.Fragment>
        ))}
      </dl>
      {waiting !== null && (
        <p>
          {waiting.length
            ? trans._n('%1 job waits for a GPU.', '%1 jobs wait for a GPU.', waiting.length)
            : trans.__('No job waits for a GPU.')}
        </p>
      )}
      {expected.median !== null && expected.nine_in_ten !== null && (
        <p>
          {trans.__(
            'Half of the last sessions and trainings began within %1, nine in ten within %2.',
            span(expected.median, trans),
            span(expected.nine_in_ten, trans)
          )}
        </p>
      )}
    </>
  );
}

function free(each: IModel, trans: TranslationBundle): string {
  const down = each.down ? ` ${trans.__('%1 down.', each.down)}` : '';
  const text =
    each.free === null ? trans.__('%1 in all.', each.total) : trans.__('%1 of %2 free.', each.free, each.total);
  return text + down;
}
