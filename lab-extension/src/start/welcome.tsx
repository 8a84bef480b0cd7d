import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification, ReactWidget } from '@jupyterlab/apputils';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useRef, useState } from 'react';

import { hoursInWords, inBytes } from '../resources/figures';
import type { IFigures } from '../resources/figures';
import { ask } from '../server';
import type { IStatus } from '../session/client';
import type { Notices } from '../session/notices';
import { span } from '../session/words';
import { Server } from './server';

/** A dataset among the inputs, and the cell that loads it. */
interface IDataset {
  path: string;
  name: string;
  size: number | null;
  code: string;
}

interface IInput {
  name: string;
  value: unknown;
  datasets: IDataset[];
  more: number;
}

interface IContent {
  inputs: IInput[];
  examples: { path: string; title: string }[];
  news: string[];
  /** The portal's address; empty where there is none. */
  portal: string;
}

interface IParts {
  app: JupyterFrontEnd;
  files: IDefaultFileBrowser | null;
  notices: Notices;
  trans: TranslationBundle;
}

/** The page Welcome. */
export class Welcome extends ReactWidget {
  constructor(private readonly _parts: IParts) {
    super();
    this.addClass('nebulab-welcome');
    this.node.tabIndex = 0;
  }

  protected render(): React.ReactElement {
    return <Page {...this._parts} />;
  }
}

function Page(parts: IParts): React.ReactElement {
  const { app, notices, trans } = parts;
  const [content, setContent] = useState<IContent | null>(null);
  const [trouble, setTrouble] = useState('');
  const [status, setStatus] = useState<IStatus | null>(notices.last);
  useEffect(() => {
    const take = (_: unknown, next: IStatus): void => setStatus(next);
    notices.changed.connect(take);
    ask<IContent>(app.serviceManager.serverSettings, 'welcome', { method: 'GET' }).then(setContent, error =>
      setTrouble((error as Error).message)
    );
    return () => void notices.changed.disconnect(take);
  }, [app, notices]);
  return (
    <div className="nebulab-welcome-page">
      <h1>{trans.__('Welcome to your session')}</h1>
      <p>
        {trans.__(
          'Open a notebook and compute beside your data. What you save, and what you write to outputs/, goes into your history.'
        )}
      </p>
      <Actions {...parts} />
      {trouble && <p role="alert">{trans.__('Inputs and examples can’t be shown: %1', trouble)}</p>}
      <div className="nebulab-welcome-columns">
        <Inputs {...parts} content={content} />
        <Limits status={status} app={app} trans={trans} />
        {content?.portal && <Server portal={content.portal} trans={trans} />}
        <Examples {...parts} content={content} />
        <section aria-label={trans.__('What is new')}>
          <h2>{trans.__('What is new')}</h2>
          <ul>
            {content?.news.map(line => (
              <li key={line}>{inCode(line)}</li>
            ))}
          </ul>
        </section>
      </div>
      <p className="nebulab-welcome-hint">
        {trans.__('Close this page if you don’t need it: it comes back from the menu Help, and not by itself.')}
      </p>
    </div>
  );
}

/** Show what stands between backticks as code. */
function inCode(text: string): React.ReactNode[] {
  return text.split('`').map((part, place) => (place % 2 ? <code key={place}>{part}</code> : part));
}

function Actions({ app, files, trans }: IParts): React.ReactElement {
  const chooser = useRef<HTMLInputElement>(null);
  const run = (command: string, args = {}): void => void app.commands.execute(command, args);
  const cwd = files?.model.path ?? '';
  const upload = async (list: FileList | null): Promise<void> => {
    for (const file of Array.from(list ?? [])) {
      try {
        await files?.model.upload(file);
        Notification.success(trans.__('%1 is in your folder.', file.name), { autoClose: 5000 });
      } catch (error) {
        Notification.error(trans.__('%1 could not be uploaded: %2', file.name, (error as Error).message));
      }
    }
  };
  return (
    <div className="nebulab-welcome-actions" role="group" aria-label={trans.__('Begin')}>
      <button
        className="jp-mod-styled jp-mod-accept"
        onClick={() => run('notebook:create-new', { cwd, kernelName: 'python3' })}
      >
        {trans.__('New notebook')}
      </button>
      <button className="jp-mod-styled" onClick={() => run('terminal:create-new', { cwd })}>
        {trans.__('Terminal')}
      </button>
      {files && (
        <>
          <button className="jp-mod-styled" onClick={() => chooser.current?.click()}>
            {trans.__('Upload files')}
          </button>
          <input
            ref={chooser}
            type="file"
            multiple
            hidden
            aria-hidden="true"
            onChange={event => {
              void upload(event.target.files).then(() => chooser.current && (chooser.current.value = ''));
            }}
          />
        </>
      )}
      {app.commands.hasCommand('git:clone') && (
        <button className="jp-mod-styled" onClick={() => run('git:clone')}>
          {trans.__('Clone a repository')}
        </button>
      )}
    </div>
  );
}

function Inputs({ app, content, trans }: IParts & { content: IContent | null }): React.ReactElement {
  return (
    <section aria-label={trans.__('My inputs')}>
      <h2>{trans.__('My inputs')}</h2>
      {content && !content.inputs.length && (
        <p>
          {trans.__(
            'No input was chosen in Galaxy’s form. In a notebook, history lists your datasets, and get(1) fetches one.'
          )}
        </p>
      )}
      {content?.inputs.map(input => (
        <div key={input.name} data-input={input.name}>
          <h3>
            <code>{`GALAXY_INPUTS["${input.name}"]`}</code>
          </h3>
          {!input.datasets.length && (
            <p>{input.value === null ? trans.__('No dataset was chosen.') : valueInWords(input.value)}</p>
          )}
          {input.datasets.length > 0 && (
            <ul className="nebulab-welcome-list">
              {input.datasets.map(dataset => (
                <li key={dataset.path}>
                  <span className="nebulab-welcome-name">{dataset.name}</span>{' '}
                  <span className="nebulab-welcome-size">
                    {dataset.size === null ? trans.__('not there') : inBytes(dataset.size)}
                  </span>{' '}
                  <button
                    className="nebulab-welcome-link"
                    aria-label={trans.__('Open %1', dataset.name)}
                    onClick={() => void app.commands.execute('docmanager:open', { path: dataset.path })}
                  >
                    {trans.__('Open')}
                  </button>
                  <button
                    className="nebulab-welcome-link"
                    aria-label={trans.__('Load %1 in a notebook', dataset.name)}
                    onClick={() => void load(app, dataset, trans)}
                  >
                    {trans.__('Load in a notebook')}
                  </button>
                </li>
              ))}
            </ul>
          )}
          {input.more > 0 && <p>{trans.__('and %1 more, in galaxy_inputs/%2', input.more, input.name)}</p>}
        </div>
      ))}
    </section>
  );
}

function valueInWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Make a notebook whose first cell loads the dataset, and run it. */
async function load(app: JupyterFrontEnd, dataset: IDataset, trans: TranslationBundle): Promise<void> {
  try {
    const panel = (await app.commands.execute('notebook:create-new', {
      cwd: '',
      kernelName: 'python3'
    })) as NotebookPanel;
    await panel.context.ready;
    await panel.revealed;
    panel.content.model?.sharedModel.getCell(0)?.setSource(dataset.code);
    await panel.sessionContext.ready;
    await app.commands.execute('notebook:run-cell');
  } catch (error) {
    Notification.error(trans.__('%1 could not be loaded: %2', dataset.name, (error as Error).message));
  }
}

function Limits({
  status,
  app,
  trans
}: {
  status: IStatus | null;
  app: JupyterFrontEnd;
  trans: TranslationBundle;
}): React.ReactElement {
  const figures = status?.resources;
  return (
    <section aria-label={trans.__('My session')}>
      <h2>{trans.__('My session')}</h2>
      {!figures && <p>{trans.__('Its limits are shown in a few seconds.')}</p>}
      {figures && (
        <dl className="nebulab-welcome-limits">
          {limits(figures, status, trans).map(([name, value]) => (
            <React.Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </React.Fragment>
          ))}
        </dl>
      )}
      {figures && (
        <button className="jp-mod-styled" onClick={() => void app.commands.execute('@nebulab/lab-extension:resources')}>
          {trans.__('What it uses now')}
        </button>
      )}
    </section>
  );
}

function limits(figures: IFigures, status: IStatus | null, trans: TranslationBundle): [string, string][] {
  const { memory, cpu, disk, gpu } = figures;
  const rows: [string, string][] = [[trans.__('GPU'), gpu.hint ? `${gpu.text} ${gpu.hint}` : gpu.text]];
  const share = gpu.devices.find(device => device.limit !== null)?.limit;
  if (share) {
    rows.push([trans.__('GPU memory'), trans.__('%1 for each process', inBytes(share))]);
  }
  if (cpu?.limit) {
    rows.push([trans.__('Processors'), `${cpu.limit}`]);
  }
  rows.push([trans.__('Memory'), memory?.limit ? inBytes(memory.limit) : trans.__('no limit of its own')]);
  rows.push([trans.__('Disk'), disk?.limit ? inBytes(disk.limit) : trans.__('no limit of its own')]);
  const hours = hoursInWords(figures.hours, trans);
  if (hours) {
    rows.push([trans.__('My GPU hours'), hours]);
  }
  const left = status?.remaining_seconds;
  rows.push([
    trans.__('Time'),
    left === null || left === undefined
      ? trans.__('until you end it')
      : trans.__('ends %1 after the last cell has run', span(left + (status?.idle_seconds ?? 0), trans))
  ]);
  return rows;
}

function Examples({ app, content, trans }: IParts & { content: IContent | null }): React.ReactElement | null {
  if (content && !content.examples.length) {
    return null;
  }
  return (
    <section aria-label={trans.__('Examples')}>
      <h2>{trans.__('Examples')}</h2>
      <ul className="nebulab-welcome-list">
        {content?.examples.map(example => (
          <li key={example.path}>
            <button
              className="nebulab-welcome-link"
              title={example.path}
              onClick={() => void app.commands.execute('docmanager:open', { path: example.path })}
            >
              {example.title}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
