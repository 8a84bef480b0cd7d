/** Sizes and states in words. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IItem } from './client';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** As Nebulab writes sizes elsewhere: `1.2 GB`. */
export function inBytes(size: number): string {
  let unit = 0;
  let left = size;
  while (left >= 1000 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return unit ? `${left.toFixed(1)} ${UNITS[unit]}` : `${left} B`;
}

/** Signs that turn the direction of what follows, with which `exe.png` may be the name of a program. */
const TURNING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A name as it is shown: signs that can't be seen, and change what can, are marked. */
export function visible(name: string): string {
  return name.replace(TURNING, '\ufffd');
}

/** A state of Galaxy's in a word. */
export function stateWord(item: IItem, trans: TranslationBundle): string {
  if (item.purged) {
    return trans.__('purged');
  }
  const words: Record<string, string> = {
    ok: trans.__('ready'),
    empty: trans.__('empty'),
    error: trans.__('failed'),
    discarded: trans.__('gone'),
    failed_metadata: trans.__('ready, not described'),
    running: trans.__('running'),
    queued: trans.__('waiting'),
    new: trans.__('new'),
    waiting: trans.__('waiting'),
    upload: trans.__('uploading'),
    setting_metadata: trans.__('almost ready'),
    paused: trans.__('paused'),
    deferred: trans.__('deferred'),
    resubmitted: trans.__('sent again')
  };
  return words[item.state] ?? item.state;
}

/** What stands beside a name: datatype and size, or how many elements. */
export function facts(item: IItem, trans: TranslationBundle): string {
  if (item.kind === 'collection') {
    const kind = item.collection_type.replace(/:/g, ' of ') || trans.__('collection');
    return `${kind}, ${trans._n('%1 item', '%1 items', item.elements, item.elements.toLocaleString())}`;
  }
  return [item.extension, item.size === null ? '' : inBytes(item.size)].filter(Boolean).join(', ');
}

/** A row's name for a screen reader. */
export function spoken(item: IItem, trans: TranslationBundle): string {
  const number = item.hid === null ? '' : `${item.hid}: `;
  const deleted = item.deleted ? trans.__('deleted') : '';
  return [`${number}${visible(item.name)}`, stateWord(item, trans), facts(item, trans), ...item.tags, deleted]
    .filter(Boolean)
    .join(', ');
}
