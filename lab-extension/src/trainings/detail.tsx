import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { ENDED, type IElement, type IOutput, type ITraining } from './client';
import type { IOpened, Trainings } from './model';
import { bytes, inOneLine } from './words';

/** What the panel has others do. */
export interface IActions {
  cancel(id: string, name: string, confirm: boolean): Promise<void>;
  run(): void;
  compare(ids: string[]): void;
  openCard(id: string, name: string): void;
  insertModel(id: string, training: string, model: string): Promise<void>;
  openDataset(id: string, name: string, training: string): Promise<void>;
  download(id: string, name: string, training: string): Promise<void>;
}

interface IProps {
  one: ITraining;
  model: Trainings;
  actions: IActions;
  trans: TranslationBundle;
}

/** One training: its current cell, figures, failure, results and log. */
export function Detail({ one, model, actions, trans }: IProps): JSX.Element {
  const opened = model.opened?.one.id === one.id ? model.opened : null;
  if (!opened) {
    return <p className="nebulab-Training-times">{trans.__('Galaxy is asked …')}</p>;
  }
  const isOver = ENDED.includes(one.state);
  return (
    <div className="nebulab-Training-detail">
      {one.state === 'running' && <Progress opened={opened} trans={trans} />}
      {(opened.progress || opened.device) && <Figures opened={opened} isOver={isOver} trans={trans} />}
      <Parameters values={one.parameters} trans={trans} />
      <Failure opened={opened} trans={trans} />
      {!isOver && (
        <div className="nebulab-Training-actions">
          <button
            className="jp-mod-styled jp-mod-warn"
            onClick={() => void actions.cancel(one.id, one.name || one.id, true)}
          >
            {trans.__('Cancel this training')}
          </button>
        </div>
      )}
      <Models opened={opened} actions={actions} trans={trans} />
      <Outputs opened={opened} actions={actions} trans={trans} />
      <Log opened={opened} isOver={isOver} trans={trans} />
    </div>
  );
}

function Progress({ opened, trans }: { opened: IOpened; trans: TranslationBundle }): JSX.Element {
  const { progress } = opened;
  if (!progress) {
    return (
      <div className="nebulab-Training-line" role="status">
        <progress aria-label={trans.__('Cells that have run')} />
        <span>{trans.__('the first cell runs')}</span>
      </div>
    );
  }
  const { cell, cells } = progress;
  return (
    <div className="nebulab-Training-line" role="status">
      <progress aria-label={trans.__('Cells that have run')} max={cells} value={cell} />
      <span>
        {cell < cells
          ? trans.__('cell %1 of %2 runs', cell + 1, cells)
          : trans.__('all %1 cells ran, results are collected', cells)}
      </span>
    </div>
  );
}

function Figures({
  opened,
  isOver,
  trans
}: {
  opened: IOpened;
  isOver: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { memory, gpu } = opened.progress ?? {};
  const rows: [string, string][] = [];
  if (opened.device) {
    rows.push([trans.__('GPU'), opened.device]);
  }
  if (isOver && opened.progress) {
    rows.push([trans.__('Cells'), trans.__('%1 of %2', opened.progress.cell, opened.progress.cells)]);
  }
  if (memory) {
    rows.push([trans.__('Memory'), trans.__('%1 GB, at most %2 GB', memory.gb, memory.peak_gb)]);
  }
  if (gpu) {
    const load = gpu.percent === null ? '' : `${gpu.percent} %, `;
    rows.push([trans.__('GPU in use'), load + trans.__('%1 GB, at most %2 GB', gpu.gb, gpu.peak_gb)]);
  }
  return <Pairs rows={rows} />;
}

function Parameters({
  values,
  trans
}: {
  values: Record<string, unknown>;
  trans: TranslationBundle;
}): JSX.Element | null {
  const rows = Object.entries(values).map(([name, value]): [string, string] => [name, inOneLine(value)]);
  if (!rows.length) {
    return null;
  }
  return (
    <details>
      <summary>{trans._n('%1 parameter', '%1 parameters', rows.length)}</summary>
      <Pairs rows={rows} />
    </details>
  );
}

function Pairs({ rows }: { rows: [string, string][] }): JSX.Element {
  return (
    <dl className="nebulab-Pairs">
      {rows.map(([name, value]) => (
        <React.Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </React.Fragment>
      ))}
    </dl>
  );
}

function Failure({ opened, trans }: { opened: IOpened; trans: TranslationBundle }): JSX.Element | null {
  const { failure } = opened.one;
  if (!failure || !failure.text) {
    return null;
  }
  return (
    <section className="nebulab-Training-failure" aria-label={trans.__('Why it failed')}>
      <strong>
        {failure.cell === null
          ? failure.reason
          : trans.__('Cell %1 of %2 failed: %3', failure.cell, failure.cells ?? '?', failure.reason)}
      </strong>
      {failure.hint && <p>{failure.hint}</p>}
      <pre tabIndex={0}>
        {failure.cell === null ? failure.text : failure.text.split('\n').slice(1).join('\n').trim()}
      </pre>
    </section>
  );
}

const CARD = /\.json$/;
const MODEL = /^onnx_model_(.*)\.onnx$/;

function Models({ opened, actions, trans }: { opened: IOpened } & Omit<IProps, 'one' | 'model'>): JSX.Element | null {
  const { one } = opened;
  const of = (name: string): IElement[] => one.outputs.find(each => each.output === name)?.elements ?? [];
  const cards = of('model_cards').filter(each => CARD.test(each.name) || each.ext === 'json');
  const proven = new Set(of('onnx_models').map(each => MODEL.exec(each.name)?.[1] ?? each.name));
  if (!cards.length) {
    return null;
  }
  return (
    <section aria-label={trans.__('Models')}>
      <h4>{trans._n('Model', 'Models', cards.length)}</h4>
      <ul className="nebulab-Results">
        {cards.map(card => {
          const name = card.name.replace(CARD, '');
          return (
            <li key={card.id}>
              <span className="nebulab-Result-name">{name}</span>
              <button className="jp-mod-styled jp-mod-minimal" onClick={() => actions.openCard(card.id, name)}>
                {trans.__('Card')}
              </button>
              {proven.has(name) && (
                <button
                  className="jp-mod-styled jp-mod-minimal"
                  title={trans.__('Insert the code that fetches this model into the notebook')}
                  onClick={() => void actions.insertModel(one.id, one.name, name)}
                >
                  {trans.__('Insert code')}
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Outputs({ opened, actions, trans }: { opened: IOpened } & Omit<IProps, 'one' | 'model'>): JSX.Element | null {
  const outputs = opened.one.outputs.filter(each => each.output !== 'model_cards');
  if (!outputs.length) {
    return null;
  }
  return (
    <section aria-label={trans.__('Results')}>
      <h4>{trans.__('Results')}</h4>
      <ul className="nebulab-Results">
        {outputs.map(output =>
          output.kind === 'dataset' ? (
            <li key={output.id}>
              <Result {...ofOutput(output, trans)} training={opened.one.name} actions={actions} trans={trans} />
            </li>
          ) : (
            <li key={output.id}>
              <details open={output.output === 'figures'}>
                <summary>{titleOf(output, trans)}</summary>
                <ul className="nebulab-Results">
                  {output.elements.map(element => (
                    <li key={element.id}>
                      <Result {...element} training={opened.one.name} actions={actions} trans={trans} />
                    </li>
                  ))}
                </ul>
              </details>
            </li>
          )
        )}
      </ul>
    </section>
  );
}

interface IResult {
  id: string;
  name: string;
  ext: string;
  training: string;
  size?: number | null;
  actions: IActions;
  trans: TranslationBundle;
}

function Result({ id, name, ext, size, training, actions, trans }: IResult): JSX.Element {
  const file = name.toLowerCase().endsWith(`.${ext}`) || !ext || ext === 'data' ? name : `${name}.${ext}`;
  return (
    <>
      <span className="nebulab-Result-name" title={name}>
        {name}
      </span>
      <span className="nebulab-Result-kind">{[ext, size ? bytes(size) : ''].filter(Boolean).join(', ')}</span>
      <span className="nebulab-Result-buttons">
        <button
          className="jp-mod-styled jp-mod-minimal"
          aria-label={trans.__('Open %1', name)}
          onClick={() => void actions.openDataset(id, file, training)}
        >
          {trans.__('Open')}
        </button>
        <button
          className="jp-mod-styled jp-mod-minimal"
          aria-label={trans.__('Download %1 into the folder trainings', name)}
          title={trans.__('Into the folder trainings')}
          onClick={() => void actions.download(id, file, training)}
        >
          {trans.__('Download')}
        </button>
      </span>
    </>
  );
}

const TITLES: Record<string, string> = {
  executed_notebook: 'Executed notebook',
  onnx_models: 'ONNX models',
  native_models: 'Models without ONNX',
  figures: 'Figures',
  tables: 'Tables',
  files: 'New files',
  outfile_output_arrays: 'Arrays and numbers',
  outfile_output_zip: 'New files as a zip',
  harvest_report: 'What became of each variable',
  run_log: 'Log'
};

function titleOf(output: IOutput, trans: TranslationBundle): string {
  const title = trans.__(TITLES[output.output] ?? output.name);
  return output.kind === 'collection' ? `${title} (${output.elements.length})` : title;
}

function ofOutput(output: IOutput, trans: TranslationBundle): Pick<IResult, 'id' | 'name' | 'ext' | 'size'> {
  return { id: output.id, name: titleOf(output, trans), ext: output.ext, size: output.size };
}

/** The log; it follows its end until somebody scrolls up or takes the tick away. */
function Log({ opened, isOver, trans }: { opened: IOpened; isOver: boolean; trans: TranslationBundle }): JSX.Element {
  const [follow, setFollow] = React.useState(true);
  const text = React.useRef<HTMLPreElement>(null);
  React.useLayoutEffect(() => {
    if (follow && text.current) {
      text.current.scrollTop = text.current.scrollHeight;
    }
  }, [opened.log, follow]);
  const scrolled = (): void => {
    const at = text.current!;
    setFollow(at.scrollHeight - at.scrollTop - at.clientHeight < 24);
  };
  return (
    <section aria-label={trans.__('Log')}>
      <div className="nebulab-Training-row">
        <h4>{trans.__('Log')}</h4>
        {!isOver && (
          <label>
            <input type="checkbox" checked={follow} onChange={event => setFollow(event.currentTarget.checked)} />{' '}
            {trans.__('follow')}
          </label>
        )}
      </div>
      <pre className="nebulab-Log" ref={text} tabIndex={0} role="log" aria-label={trans.__('Log')} onScroll={scrolled}>
        {opened.log || (isOver ? trans.__('It wrote nothing.') : trans.__('Nothing yet.'))}
      </pre>
    </section>
  );
}
