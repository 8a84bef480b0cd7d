import { ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { deviceName, hoursInWords, inBytes, level, ofLimit, percentOf, worst } from './figures';
import type { IDevice, IFigures, Level } from './figures';
import type { Source } from './source';

/** From this width on the bar has room for figures with their limits; else they are percents. */
const WIDE = '(min-width: 1500px)';

interface IItem {
  name: string;
  label: string;
  text: string;
  /** In place of the text where there is little room. */
  short?: string;
  words: string;
  level: Level;
}

/** The figures in the status bar; a click opens the tab Resources. */
export class StatusFigures extends ReactWidget {
  constructor(
    private readonly _source: Source,
    private readonly _open: () => void,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nebulab-figures');
    this._source.changed.connect(() => this.update());
    this._wide.addEventListener('change', () => this.update());
  }

  private readonly _wide = window.matchMedia(WIDE);

  protected render(): React.ReactElement | null {
    const figures = this._source.figures;
    if (!figures) {
      return null;
    }
    return (
      <>
        {this._shown(items(figures, this._trans)).map(item => (
          <button
            key={item.name}
            className={`nebulab-figure nebulab-mod-${item.level}`}
            data-figure={item.name}
            title={item.words}
            aria-label={item.words}
            onClick={this._open}
          >
            {item.level !== 'calm' && <span aria-hidden="true">⚠ </span>}
            <span className="nebulab-figure-label">{item.label}</span>{' '}
            {(!this._wide.matches && item.short) || item.text}
          </button>
        ))}
      </>
    );
  }

  /** A narrow bar leaves out what nobody has to act on: it stands in the tab. */
  private _shown(all: IItem[]): IItem[] {
    if (this._wide.matches) {
      return all;
    }
    const spared = all.some(item => item.name === 'gpu-memory') ? ['disk', 'cpu'] : ['disk'];
    return all.filter(item => item.level !== 'calm' || !spared.includes(item.name));
  }
}

/** Return the figures that this session has, in the order of the bar. */
export function items(figures: IFigures, trans: TranslationBundle): IItem[] {
  const shown: IItem[] = [];
  const { memory, cpu, disk, gpu } = figures;
  if (memory) {
    shown.push({
      name: 'memory',
      label: trans.__('Mem'),
      text: ofLimit(memory),
      short: percentOf(memory),
      level: level(memory),
      words: advised(
        memory.limit
          ? trans.__('Memory: %1 of this session (%2)', ofLimit(memory), percentOf(memory))
          : trans.__('Memory: %1, without a limit of its own', ofLimit(memory)),
        level(memory),
        trans.__('When it runs out, the kernel that uses most is ended: restart kernels that you do not need.')
      )
    });
  }
  if (cpu && cpu.used !== null && cpu.limit) {
    shown.push({
      name: 'cpu',
      label: trans.__('CPU'),
      text: `${Math.round((100 * cpu.used) / cpu.limit)} %`,
      level: 'calm', // all processors at work is what they are for
      words: trans._n(
        'Processors: %2 busy of the one that this session has',
        'Processors: %2 busy of the %1 that this session has',
        cpu.limit,
        cpu.used.toFixed(1)
      )
    });
  }
  const [first, ...others] = ofGpus(gpu, trans);
  shown.push(withHours(first, figures, trans), ...others);
  if (disk && (disk.used !== null || disk.free !== null)) {
    shown.push(ofDisk(disk, trans));
  }
  return shown;
}

/** Return the figure of the GPU with the hours that the user has of it, and their warning. */
function withHours(item: IItem, { hours }: IFigures, trans: TranslationBundle): IItem {
  const told = hoursInWords(hours, trans);
  if (!told) {
    return item;
  }
  const warned: Level[] = [item.level, hours?.refused ? 'critical' : hours?.near ? 'high' : 'calm'];
  return { ...item, words: `${item.words}\n${told}`, level: worst(warned) };
}

function ofGpus(gpu: IFigures['gpu'], trans: TranslationBundle): IItem[] {
  const devices = gpu.devices.filter(device => !device.trouble);
  if (!devices.length) {
    return [
      {
        name: 'gpu',
        label: trans.__('GPU'),
        text: gpu.hint ? trans.__('fails') : trans.__('none'),
        level: gpu.hint ? 'high' : 'calm',
        words: `${gpu.text} ${gpu.hint}`.trim()
      }
    ];
  }
  const loads = devices.filter(device => device.percent !== null).map(device => device.percent as number);
  const shown: IItem[] = [];
  if (loads.length) {
    shown.push({
      name: 'gpu',
      label: trans.__('GPU'),
      text: `${Math.max(...loads)} %`,
      level: 'calm',
      words: [gpu.text, ...devices.map(device => loadInWords(device, trans))].join('\n')
    });
  } else {
    shown.push({
      name: 'gpu',
      label: trans.__('GPU'),
      text: devices.every(device => device.profile) ? devices.map(device => device.profile).join(', ') : '–',
      level: 'calm',
      words: trans.__('%1 The driver reports no load of it.', gpu.text)
    });
  }
  const known = devices.filter(device => device.used !== null && device.most);
  if (known.length) {
    const fullest = known.reduce((a, b) => (share(a) >= share(b) ? a : b));
    const levels = known.map(device => level({ used: device.used, limit: device.most }));
    shown.push({
      name: 'gpu-memory',
      label: trans.__('GPU mem'),
      text: ofLimit({ used: fullest.used, limit: fullest.most }),
      short: percentOf({ used: fullest.used, limit: fullest.most }),
      level: worst(levels),
      words: known.map(device => `${deviceName(device, trans)}: ${memoryInWords(device, trans)}`).join('\n')
    });
  }
  return shown;
}

function share(device: IDevice): number {
  return (device.used as number) / (device.most as number);
}

function loadInWords(device: IDevice, trans: TranslationBundle): string {
  const sensors = [
    device.celsius === null ? '' : trans.__('%1 °C', device.celsius),
    device.watts === null ? '' : trans.__('%1 W', Math.round(device.watts))
  ].filter(Boolean);
  const load = device.percent === null ? trans.__('load not reported') : trans.__('%1 % busy', device.percent);
  return `${deviceName(device, trans)}: ${[load, ...sensors].join(', ')}`;
}

/** Return a device's memory in words. */
export function memoryInWords(device: IDevice, trans: TranslationBundle): string {
  const used = inBytes(device.used ?? 0);
  const most = inBytes(device.most ?? 0);
  if (device.limit !== null && device.most === device.limit) {
    return trans.__('the largest process has %1 of GPU memory; each may take %2', used, most);
  }
  return trans.__('%1 of %2 of GPU memory in use', used, most);
}

function ofDisk(disk: NonNullable<IFigures['disk']>, trans: TranslationBundle): IItem {
  if (disk.used === null) {
    const free = inBytes(disk.free as number);
    return {
      name: 'disk',
      label: trans.__('Disk'),
      text: trans.__('%1 free', free),
      level: 'calm',
      words: trans.__('Disk: %1 are free; this session has no limit of its own', free)
    };
  }
  return {
    name: 'disk',
    label: trans.__('Disk'),
    text: ofLimit(disk),
    short: percentOf(disk),
    level: level(disk),
    words: advised(
      trans.__('Disk: %1 of this session (%2)', ofLimit(disk), percentOf(disk)),
      level(disk),
      trans.__('When it runs out, what goes on writing is paused: delete what you do not need.')
    )
  };
}

function advised(words: string, how: Level, advice: string): string {
  return how === 'calm' ? words : `${words}. ${advice}`;
}
