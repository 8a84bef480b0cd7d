/** The states of a node, in words. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { INodeState } from './client';

export function stateWord(told: INodeState, trans: TranslationBundle): string {
  switch (told.state) {
    case 'waiting':
      return trans.__('waiting');
    case 'queued':
      return trans.__('queued in Galaxy');
    case 'running':
      return told.cell ? trans.__('running, cell %1 of %2', told.cell[0], told.cell[1]) : trans.__('running');
    case 'done':
      return trans.__('done in %1 s', told.seconds);
    case 'failed':
      return trans.__('failed');
    case 'stopped':
      return trans.__('stopped');
    case 'skipped':
      return trans.__('not run');
  }
}
