import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useState } from 'react';

import { span } from '../session/words';
import { Chart } from './chart';
import type { IChart } from './chart';
import { deviceName, hoursInWords, inBytes, ofLimit, percentOf } from './figures';
import type { IDevice, IFigures, IHistory, IProgram, IShare } from './figures';
import type { Source } from './source';
import { memoryInWords } from './status_bar';

const HISTORY_MILLISECONDS = 10000;
/** Rows of the table: one for so many sets of figures. */
const ROW_SETS = 30;

/** The tab Resources. */
export class Dashboard extends ReactWidget {
  constructor(
    private readonly _source: Source,
    private readonly _app: JupyterFrontEnd,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nebulab-resources');
    this.node.tabIndex = 0;
  }

  protected render(): React.ReactElement {
    return <Resources source={this._source} app={this._app} trans={this._trans} />;
  }
}

interface IParts {
  source: Source;
  app: JupyterFrontEnd;
  trans: TranslationBundle;
}

function Resources({ source, app, trans }: IParts): React.ReactElement {
  const [figures, setFigures] = useState<IFigures | null>(source.figures);
  const [history, setHistory] = useState<IHistory | null>(null);
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    const take = (): void => {
      setFigures(source.figures);
      setTrouble(source.trouble);
    };
    const asked = async (): Promise<void> => {
      if (document.visibilityState !== 'visible') {
        return;
      }
      try {
        setHistory(await source.lastHour());
      } catch (error) {
        setTrouble((error as Error).message);
      }
    };
    source.changed.connect(take);
    const stop = source.watch();
    const timer = window.setInterval(() => void asked(), HISTORY_MILLISECONDS);
    void asked();
    return () => {
      source.changed.disconnect(take);
      stop();
      clearInterval(timer);
    };
  }, [source]);

  if (!figures?.memory || !history?.time?.length) {
    return (
      <p role="status">
        {trouble
          ? trans.__('There are no figures: %1 They are asked for again.', trouble)
          : trans.__('The first figures come in a few seconds.')}
      </p>
    );
  }
  return (
    <>
      <h1>{trans.__('Resources')}</h1>
      <p className="nebulab-resources-lead">
        {trans.__('What this session uses of what it may take, in the last hour. The limits are the session’s own.')}
      </p>
      {trouble && <p role="alert">{trans.__('The newest figures are missing: %1', trouble)}</p>}
      <h2>{trans.__('Memory, processors, disk')}</h2>
      <div className="nebulab-charts">
        {ofSession(figures, history, trans).map(chart => (
          <Chart key={chart.title} chart={chart} time={history.time} trans={trans} />
        ))}
      </div>
      <Gpus figures={figures} history={history} trans={trans} />
      <Programs programs={figures.programs ?? []} app={app} trans={trans} />
      <Largest figures={figures} trans={trans} />
      <Table figures={figures} history={history} trans={trans} />
    </>
  );
}

/** Return the value at a chart's top: the limit, or a little more than the largest value. */
function top(limit: number | null | undefined, values: (number | null)[]): number {
  const largest = Math.max(...values.map(value => value ?? 0), 1);
  return limit ? Math.max(limit, largest) : largest * 1.1;
}

function inFull(share: IShare): string {
  const percent = percentOf(share);
  return percent ? `${ofLimit(share)} (${percent})` : ofLimit(share);
}

function ofSession(figures: IFigures, history: IHistory, trans: TranslationBundle): IChart[] {
  const memory = figures.memory as IShare;
  const { cpu, disk } = figures;
  const charts: IChart[] = [
    {
      title: trans.__('Memory'),
      now: inFull(memory),
      values: history.memory,
      most: top(memory.limit, history.memory),
      top: inBytes(top(memory.limit, history.memory))
    }
  ];
  if (cpu?.limit) {
    charts.push({
      title: trans.__('Processors'),
      now: trans.__('%1 of %2 busy', (cpu.used ?? 0).toFixed(1), cpu.limit),
      values: history.cpu,
      most: top(cpu.limit, history.cpu),
      top: trans._n('1 processor', '%1 processors', cpu.limit)
    });
  }
  if (disk && disk.used !== null) {
    charts.push({
      title: trans.__('Disk'),
      now: inFull(disk),
      values: history.disk,
      most: top(disk.limit, history.disk),
      top: inBytes(top(disk.limit, history.disk))
    });
  }
  return charts;
}

interface IShown {
  figures: IFigures;
  history: IHistory;
  trans: TranslationBundle;
}

function Gpus({ figures, history, trans }: IShown): React.ReactElement {
  const { gpu } = figures;
  const idle = gpu.idle_seconds;
  const hours = hoursInWords(figures.hours, trans);
  return (
    <section aria-label={trans.__('GPUs')}>
      <h2>{trans.__('GPUs')}</h2>
      {(!gpu.usable || gpu.hint) && (
        <p className={gpu.hint ? 'nebulab-resources-trouble' : ''} data-gpu="text">
          {gpu.text} {gpu.hint}
        </p>
      )}
      {gpu.devices.map(device => (
        <div key={device.id} data-device={device.id}>
          <h3>{deviceName(device, trans)}</h3>
          <p>{facts(device, trans)}</p>
          <div className="nebulab-charts">
            {device.trouble === null &&
              ofDevice(device, history, trans).map(chart => (
                <Chart key={chart.title} chart={chart} time={history.time} trans={trans} />
              ))}
          </div>
        </div>
      ))}
      {gpu.usable && idle !== null && idle >= 60 && (
        <p>{trans.__('Nothing was computed on it for %1.', span(idle, trans))}</p>
      )}
      {hours && <p data-gpu="hours">{trans.__('My GPU hours: %1.', hours)}</p>}
      {gpu.driver && (
        <p className="nebulab-resources-lead">{trans.__('Driver %1. In a terminal, nvitop shows more.', gpu.driver)}</p>
      )}
    </section>
  );
}

function facts(device: IDevice, trans: TranslationBundle): string {
  if (device.trouble !== null) {
    return trans.__('It can’t be used: %1.', device.trouble);
  }
  return [
    device.profile ? trans.__('Profile %1, with memory of its own (MIG).', device.profile) : '',
    device.percent === null ? trans.__('The driver reports no load of it.') : '',
    device.most ? sentence(memoryInWords(device, trans)) : trans.__('Its memory is not reported.'),
    device.celsius === null ? '' : trans.__('%1 °C.', device.celsius),
    device.watts === null ? '' : trans.__('%1 W.', Math.round(device.watts))
  ]
    .filter(Boolean)
    .join(' ');
}

/** Return words with a capital letter and a full stop. */
function sentence(words: string): string {
  return `${words[0].toUpperCase()}${words.slice(1)}.`;
}

function ofDevice(device: IDevice, history: IHistory, trans: TranslationBundle): IChart[] {
  const columns = history.devices[device.id];
  if (!columns) {
    return [];
  }
  const charts: IChart[] = [];
  const add = (title: string, now: string, values: (number | null)[], most: number, label: string): void => {
    if (values.some(value => value !== null)) {
      charts.push({ title, now, values, most, top: label });
    }
  };
  const total = top(device.memory_total, columns.memory);
  const memory = { used: device.memory_used, limit: device.memory_total };
  add(trans.__('Load'), `${device.percent ?? '–'} %`, columns.percent, 100, '100 %');
  add(trans.__('GPU memory'), ofLimit(memory), columns.memory, total, inBytes(total));
  add(trans.__('Temperature'), `${device.celsius ?? '–'} °C`, columns.celsius, top(100, columns.celsius), '100 °C');
  const watts = top(null, columns.watts);
  add(trans.__('Power'), `${Math.round(device.watts ?? 0)} W`, columns.watts, watts, `${Math.round(watts)} W`);
  return charts;
}

function Programs({
  programs,
  app,
  trans
}: {
  programs: IProgram[];
  app: JupyterFrontEnd;
  trans: TranslationBundle;
}): React.ReactElement {
  return (
    <section aria-label={trans.__('Notebooks and programs')}>
      <h2>{trans.__('Notebooks and programs')}</h2>
      {!programs.length && <p>{trans.__('No kernel runs.')}</p>}
      {programs.length > 0 && (
        <table className="nebulab-table" data-table="programs">
          <thead>
            <tr>
              <th scope="col">{trans.__('Name')}</th>
              <th scope="col">{trans.__('State')}</th>
              <th scope="col">{trans.__('Process')}</th>
              <th scope="col">{trans.__('Memory')}</th>
              <th scope="col">{trans.__('Processors')}</th>
              <th scope="col">{trans.__('GPU memory')}</th>
              <th scope="col">
                <span className="nebulab-unseen">{trans.__('Actions')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {programs.map(program => (
              <tr key={program.pid}>
                <th scope="row">{title(program, trans)}</th>
                <td>{program.is_kernel ? stateInWords(program, trans) : ''}</td>
                <td>{program.pid}</td>
                <td>{inBytes(program.memory)}</td>
                <td>{program.cpu === null ? '–' : program.cpu.toFixed(1)}</td>
                <td>{program.gpu_memory === null ? '–' : inBytes(program.gpu_memory)}</td>
                <td>
                  <Actions program={program} app={app} trans={trans} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function title(program: IProgram, trans: TranslationBundle): string {
  if (program.title) {
    return program.title;
  }
  return program.is_kernel ? trans.__('A kernel without a notebook') : program.name;
}

function stateInWords(program: IProgram, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    busy: trans.__('computes'),
    idle: trans.__('idle'),
    starting: trans.__('starts')
  };
  return words[program.state ?? ''] ?? program.state ?? '';
}

function Actions({
  program,
  app,
  trans
}: {
  program: IProgram;
  app: JupyterFrontEnd;
  trans: TranslationBundle;
}): React.ReactElement {
  const name = title(program, trans);
  return (
    <>
      {program.path && (
        <button
          className="jp-mod-styled jp-mod-minimal"
          aria-label={trans.__('Open %1', name)}
          onClick={() => void app.commands.execute('docmanager:open', { path: program.path })}
        >
          {trans.__('Open')}
        </button>
      )}
      {program.is_kernel && program.title && (
        <button
          className="jp-mod-styled jp-mod-minimal"
          aria-label={trans.__('Shut down the kernel of %1', name)}
          onClick={() => void shutDown(program, app, trans)}
        >
          {trans.__('Shut down')}
        </button>
      )}
    </>
  );
}

/** Ask, then end a kernel: its memory, also that of the GPU, is free again. */
async function shutDown(program: IProgram, app: JupyterFrontEnd, trans: TranslationBundle): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Shut down the kernel of %1?', title(program, trans)),
    body: trans.__('Its variables are lost, and its memory is free again. The notebook and its outputs stay.'),
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: trans.__('Shut down') })]
  });
  if (answer.button.accept) {
    const sessions = app.serviceManager.sessions;
    const session = [...sessions.running()].find(one => one.kernel?.id === program.name);
    await (session ? sessions.shutdown(session.id) : app.serviceManager.kernels.shutdown(program.name));
  }
}

function Largest({ figures, trans }: { figures: IFigures; trans: TranslationBundle }): React.ReactElement | null {
  const largest = figures.disk?.largest ?? [];
  if (!largest.length) {
    return null;
  }
  return (
    <section aria-label={trans.__('Largest on the disk')}>
      <h2>{trans.__('Largest on the disk')}</h2>
      <table className="nebulab-table" data-table="largest">
        <tbody>
          {largest.map(([name, bytes]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{inBytes(bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The same figures for people to whom a chart says nothing. */
function Table({ figures, history, trans }: IShown): React.ReactElement {
  const places = history.time.map((_, place) => place).filter(place => place % ROW_SETS === 0);
  const last = history.time.length - 1;
  if (places[places.length - 1] !== last) {
    places.push(last);
  }
  const devices = figures.gpu.devices.filter(device => history.devices[device.id]);
  const cell = (value: number | null, words: (value: number) => string): string =>
    value === null ? '–' : words(value);
  return (
    <details className="nebulab-resources-hour">
      <summary>{trans.__('The last hour as a table')}</summary>
      <table className="nebulab-table" data-table="hour">
        <thead>
          <tr>
            <th scope="col">{trans.__('Time')}</th>
            <th scope="col">{trans.__('Memory')}</th>
            <th scope="col">{trans.__('Processors')}</th>
            <th scope="col">{trans.__('Disk')}</th>
            {devices.map(device => (
              <React.Fragment key={device.id}>
                <th scope="col">{trans.__('%1: load', device.name)}</th>
                <th scope="col">{trans.__('%1: memory', device.name)}</th>
              </React.Fragment>
            ))}
          </tr>
        </thead>
        <tbody>
          {places.map(place => (
            <tr key={place}>
              <th scope="row">{clock(history.time[place])}</th>
              <td>{cell(history.memory[place], inBytes)}</td>
              <td>{cell(history.cpu[place], value => value.toFixed(1))}</td>
              <td>{cell(history.disk[place], inBytes)}</td>
              {devices.map(device => (
                <React.Fragment key={device.id}>
                  <td>{cell(history.devices[device.id].percent[place], value => `${value} %`)}</td>
                  <td>{cell(history.devices[device.id].memory[place], inBytes)}</td>
                </React.Fragment>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
}
