import type { TranslationBundle } from '@jupyterlab/translation';
import {
  checkIcon,
  circleEmptyIcon,
  errorIcon,
  fileUploadIcon,
  pauseIcon,
  runIcon,
  stopIcon,
  type LabIcon
} from '@jupyterlab/ui-components';

import type { State } from './client';

export const ICONS: Record<State, LabIcon> = {
  sending: fileUploadIcon,
  'not sent': errorIcon,
  queued: circleEmptyIcon,
  running: runIcon,
  paused: pauseIcon,
  done: checkIcon,
  failed: errorIcon,
  cancelled: stopIcon
};

export function stateInWords(state: State, trans: TranslationBundle): string {
  const words: Record<State, string> = {
    sending: trans.__('sending'),
    'not sent': trans.__('not sent'),
    queued: trans.__('queued'),
    running: trans.__('running'),
    paused: trans.__('paused by Galaxy'),
    done: trans.__('done'),
    failed: trans.__('failed'),
    cancelled: trans.__('cancelled')
  };
  return words[state];
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `1 d 4 h`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(Math.round(milliseconds / 1000), 0);
  const units: [number, string][] = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's']
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first < 0) {
    return '0 s';
  }
  const [size, unit] = units[first];
  const whole = `${Math.floor(seconds / size)} ${unit}`;
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds % size) / next[0]) : 0;
  return rest ? `${whole} ${rest} ${next[1]}` : whole;
}

export function bytes(size: number): string {
  let number = size;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (number < 1000) {
      return unit === 'B' ? `${number} B` : `${number.toFixed(1)} ${unit}`;
    }
    number /= 1000;
  }
  return `${number.toFixed(1)} TB`;
}

/** A value of JSON in one line, short enough for a table's cell. */
export function inOneLine(value: unknown): string {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  }
  if (Array.isArray(value) && value.every(each => typeof each !== 'object')) {
    return inOneLine(`[${value.join(', ')}]`);
  }
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > 200 ? `${text.slice(0, 200)} …` : text;
}

/** The code by which a notebook has a training's model. */
export function modelCode(id: string, name: string, model: string): string {
  const label = name.replace(/\s+/g, ' ');
  return [
    `# The model ${model} of the training ${label}, checked to give the same predictions`,
    `training = next(one for one in history.trainings() if one.id == ${JSON.stringify(id)})`,
    `${/^[A-Za-z_]\w*$/.test(model) ? model : 'model'} = training.models[${JSON.stringify(model)}]`,
    `${/^[A-Za-z_]\w*$/.test(model) ? model : 'model'}`
  ].join('\n');
}
