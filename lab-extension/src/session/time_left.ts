import type { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';

import type { IStatus } from './client';
import { endsFor, type Notices } from './notices';
import { inWords, span } from './words';

/** Put the time that is left into the status bar; a click on it starts the time again. */
export function addTimeLeft(statusBar: IStatusBar, notices: Notices, trans: TranslationBundle): void {
  const item = new Widget();
  item.addClass('nebulab-figures');
  const button = document.createElement('button');
  button.className = 'nebulab-figure jp-nebulab-time-left';
  button.addEventListener('click', () => void notices.extend());
  item.node.append(button);
  const changed = new Signal<Widget, void>(item);
  let active = false;
  statusBar.registerStatusItem('@nebulab/lab-extension:time-left', {
    item,
    align: 'right',
    rank: 10,
    isActive: () => active,
    activeStateChanged: changed
  });
  notices.changed.connect((_, status) => {
    const [text, words] = inText(status, trans);
    active = Boolean(text);
    button.textContent = text;
    button.title = words;
    button.setAttribute('aria-label', words);
    button.classList.toggle('nebulab-mod-high', isSoon(status));
    changed.emit(undefined);
  });
}

function isSoon(status: IStatus): boolean {
  return status.ends_in_seconds !== null && status.ends_in_seconds !== undefined;
}

/** Return what the item shows, and the same in a sentence; nothing where the session ends by its user alone. */
function inText(status: IStatus, trans: TranslationBundle): [string, string] {
  const left = isSoon(status) ? status.ends_in_seconds : status.remaining_seconds;
  if (left === null || left === undefined) {
    return ['', ''];
  }
  const short = isSoon(status) ? trans.__('Session ends in %1', inWords(left)) : trans.__('%1 left', span(left, trans));
  if (isSoon(status) && status.ends_for !== 'idle') {
    const click = status.can_keep ? ` ${trans.__('Click to keep it for a while, once.')}` : '';
    return [short, `${short}: ${endsFor(status, trans)}.${click}`];
  }
  const words = trans.__(
    '%1: if no cell runs until then, the session ends. Click to start the time again; a cell that runs does so too.',
    short
  );
  return [short, words];
}
