/** The session's figures as `nebulab.session.resources` tells them, and how they are put into words. */
import type { TranslationBundle } from '@jupyterlab/translation';

/** A figure against its limit; null: not known, or no limit. */
export interface IShare {
  used: number | null;
  limit: number | null;
}

/** A GPU or a slice of one (with a profile); memory in bytes. */
export interface IDevice {
  id: string;
  name: string;
  profile: string;
  percent: number | null;
  memory_used: number | null;
  memory_total: number | null;
  /** What the session is near to: `used` of `most`. */
  used: number | null;
  most: number | null;
  /** What one process may take, where that is less than all. */
  limit: number | null;
  celsius: number | null;
  watts: number | null;
  trouble: string | null;
}

/** A kernel, or another program of the session. */
export interface IProgram {
  pid: number;
  is_kernel: boolean;
  /** A kernel's id, or the name of a program's file. */
  name: string;
  memory: number;
  cpu: number | null;
  gpu_memory: number | null;
  title?: string;
  path?: string;
  state?: string;
}

/** The figures at one moment; those of memory, processors and disk are missing right after the start. */
export interface IFigures {
  time?: number;
  memory?: IShare;
  cpu?: IShare;
  disk?: IShare & { free: number | null; largest: [string, number][] };
  gpu: {
    text: string;
    hint: string;
    usable: boolean;
    driver: string;
    idle_seconds: number | null;
    devices: IDevice[];
  };
  /** The user's GPU hours, as the portal adds them up; null where it does not tell them. */
  hours?: IHours | null;
  programs?: IProgram[];
}

/** GPU hours in words; `back` is when sessions start again, where the next one is refused. */
export interface IHours {
  text: string;
  near: boolean;
  refused: boolean;
  back: string;
}

/** Return the GPU hours with what follows from them; an empty text where they are not known. */
export function hoursInWords(hours: IHours | null | undefined, trans: TranslationBundle): string {
  if (!hours) {
    return '';
  }
  if (hours.refused) {
    return hours.back
      ? trans.__('%1: used up, the next session is refused until %2', hours.text, hours.back)
      : trans.__('%1: used up, the next session is refused', hours.text);
  }
  return hours.near ? trans.__('%1: when all are used, the next session is refused', hours.text) : hours.text;
}

/** The last hour in columns, oldest first. */
export interface IHistory {
  time: number[];
  memory: (number | null)[];
  cpu: (number | null)[];
  disk: (number | null)[];
  devices: { [id: string]: { [figure in 'percent' | 'memory' | 'celsius' | 'watts']: (number | null)[] } };
}

/** How near a figure is to its limit. */
export type Level = 'calm' | 'high' | 'critical';

const HIGH = 0.8;
const CRITICAL = 0.95;

export function level({ used, limit }: IShare): Level {
  const share = used !== null && limit ? used / limit : 0;
  return share >= CRITICAL ? 'critical' : share >= HIGH ? 'high' : 'calm';
}

/** Return the one of several levels that matters most. */
export function worst(levels: Level[]): Level {
  return levels.includes('critical') ? 'critical' : levels.includes('high') ? 'high' : 'calm';
}

/** Return bytes with the unit that people use for so many. */
export function inBytes(bytes: number): string {
  const megabytes = bytes / 2 ** 20;
  if (megabytes < 1) {
    return `${Math.ceil(bytes / 1024)} kB`;
  }
  if (megabytes < 1000) {
    return `${Math.round(megabytes)} MB`;
  }
  const gigabytes = megabytes / 1024;
  return `${gigabytes < 9.95 ? gigabytes.toFixed(1) : Math.round(gigabytes)} GB`;
}

/** Return `used` and `limit` with one unit: `1.2/20 GB`; without a limit `1.2 GB`. */
export function ofLimit({ used, limit }: IShare): string {
  if (used === null) {
    return '–';
  }
  if (!limit) {
    return inBytes(used);
  }
  const [, unit] = inBytes(limit).split(' ');
  const divisor = unit === 'GB' ? 2 ** 30 : 2 ** 20;
  if (used / divisor < 0.05) {
    return `${inBytes(used)}/${inBytes(limit).replace('.0 ', ' ')}`;
  }
  const [a, b] = [used / divisor, limit / divisor].map(value =>
    unit === 'GB' && value < 9.95 ? value.toFixed(1).replace(/\.0$/, '') : `${Math.round(value)}`
  );
  return `${a}/${b} ${unit}`;
}

/** Return the share in percent, or an empty text where there is no limit. */
export function percentOf({ used, limit }: IShare): string {
  return used !== null && limit ? `${Math.round((100 * used) / limit)} %` : '';
}

/** Return the device's name; a slice is called one. */
export function deviceName(device: IDevice, trans: TranslationBundle): string {
  return device.profile ? trans.__('%1 (slice of a GPU)', device.name) : device.name;
}
