import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ICard } from './client';
import { inOneLine } from './words';

/** A model's card in a tab of its own; its texts are shown as texts, whatever they hold. */
export class CardView extends ReactWidget {
  constructor(
    private readonly _card: ICard,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nebulab-Card');
  }

  render(): JSX.Element {
    const card = this._card;
    const trans = this._trans;
    const { outputs = [], ...proof } = (card.proof ?? {}) as { outputs?: Record<string, unknown>[] };
    return (
      <article tabIndex={0} aria-label={trans.__('Card of the model %1', card.name)}>
        <h2>{card.name}</h2>
        <p>
          <code>{card.class}</code>
        </p>
        <p className={`nebulab-Verdict ${card.verified ? 'nebulab-mod-done' : 'nebulab-mod-failed'}`}>
          {verdict(card, trans)}
        </p>
        <Signature title={trans.__('Inputs')} rows={card.inputs} />
        <Signature title={trans.__('Outputs')} rows={card.outputs} />
        <Values title={trans.__('Metrics')} values={card.metrics} />
        <Values title={trans.__('The proof')} values={proof} />
        <Signature title={trans.__('The proof, each output')} rows={outputs} />
        <Values title={trans.__('Versions')} values={card.versions} />
        <Values
          title={trans.__('Made')}
          values={{
            [trans.__('on')]: card.date,
            ...card.hardware,
            [trans.__('SHA-256 of the code')]: card.code_sha256
          }}
        />
      </article>
    );
  }
}

/** Whether the ONNX file is proven to compute the same, and why not. */
export function verdict(card: ICard, trans: TranslationBundle): string {
  if (card.verified) {
    return trans.__('Proven: the ONNX file and the original give the same predictions.');
  }
  return card.reason ? trans.__('No proven ONNX file: %1', card.reason) : trans.__('No proven ONNX file.');
}

function Signature({ title, rows }: { title: string; rows: Record<string, unknown>[] }): JSX.Element | null {
  if (!rows?.length) {
    return null;
  }
  const heads = [...new Set(rows.flatMap(row => Object.keys(row)))];
  return (
    <section>
      <h3>{title}</h3>
      <table>
        <thead>
          <tr>
            {heads.map(head => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, number) => (
            <tr key={number}>
              {heads.map(head => (
                <td key={head}>{row[head] === undefined || row[head] === null ? '' : inOneLine(row[head])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Values({ title, values }: { title: string; values: Record<string, unknown> }): JSX.Element | null {
  const rows = Object.entries(values ?? {}).filter(
    ([, value]) => value !== null && value !== '' && !(Array.isArray(value) && !value.length)
  );
  if (!rows.length) {
    return null;
  }
  return (
    <section>
      <h3>{title}</h3>
      <table>
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{inOneLine(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
