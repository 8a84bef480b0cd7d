import type { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { Notices } from './notices';
import { inWords } from './words';

/** Put the time that is left into the status bar, when it matters. */
export function addTimeLeft(statusBar: IStatusBar, notices: Notices, trans: TranslationBundle): void {
  const item = new Widget();
  item.addClass('jp-nebulab-time-left');
  const changed = new Signal<Widget, void>(item);
  let active = false;
  statusBar.registerStatusItem('@nebulab/lab-extension:time-left', {
    item,
    align: 'right',
    rank: 10,
    isActive: () => active,
    activeStateChanged: changed
  });
  notices.changed.connect((_, { ends_in_seconds: left }) => {
    active = left !== null && left !== undefined;
    item.node.textContent = active ? trans.__('Session ends in %1', inWords(left as number)) : '';
    changed.emit(undefined);
  });
}
