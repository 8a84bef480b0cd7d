import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { ServerConnection, ServiceManager } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IStatus, Session } from './client';
import type { Notices } from './notices';

/** The session's end: this page asks for nothing any more, and says so once. */
export class Ending {
  isOver = false;
  keptIn: IStatus['kept_in'] = 'history';

  constructor(
    private readonly _manager: ServiceManager.IManager,
    private readonly _trans: TranslationBundle
  ) {}

  /** Where the user's work is, or will be. */
  get kept(): string {
    return this.keptIn === 'folder'
      ? this._trans.__('Your notebooks and files stay in your folder.')
      : this._trans.__('Your notebooks and the files in outputs/ are kept in the Galaxy history.');
  }

  /** Show that the session is over; `unsaved` documents are on this page alone. */
  tell(unsaved = 0): void {
    if (this.isOver) {
      return;
    }
    this.isOver = true;
    this._silence();
    Dialog.flush();
    const then = unsaved
      ? this._trans._n(
          'One document could not be saved any more: copy from this page what you need of it.',
          '%1 documents could not be saved any more: copy from this page what you need of them.',
          unsaved
        )
      : this._trans.__('You can close this tab.');
    void showDialog({
      title: this._trans.__('This session has ended'),
      body: `${this.kept} ${then}`,
      buttons: [Dialog.okButton({ label: this._trans.__('OK') })]
    });
  }

  /** JupyterLab would go on asking a server that is gone, many times a second, and tell each failure in a dialog. */
  private _silence(): void {
    const never = (): Promise<Response> => new Promise(() => undefined);
    const manager = this._manager as unknown as Record<string, { serverSettings?: ServerConnection.ISettings }>;
    const names = ['contents', 'kernels', 'sessions', 'terminals', 'events', 'kernelspecs', 'settings', 'workspaces'];
    const drive = (this._manager.contents as unknown as { defaultDrive?: (typeof manager)[string] }).defaultDrive;
    for (const part of [this._manager as (typeof manager)[string], drive, ...names.map(name => manager[name])]) {
      if (part?.serverSettings) {
        Object.assign(part.serverSettings, { fetch: never, WebSocket: NoSocket });
      }
    }
  }
}

/** A websocket that never connects. */
class NoSocket {
  readyState = 0;

  addEventListener(): void {}
  removeEventListener(): void {}
  send(): void {}
  close(): void {}
}

/** Ask before the session is ended, naming what is not kept. */
export async function shutDown(
  session: Session,
  notices: Notices,
  ending: Ending,
  trans: TranslationBundle
): Promise<void> {
  try {
    let lost = '';
    if (ending.keptIn !== 'folder') {
      const left = (await session.notKept()) ?? { not_kept: [], more: 0 };
      const names = left.not_kept.join(', ') + (left.more ? `, ${trans.__('and %1 more', left.more)}` : '');
      lost = names && ` ${trans.__('Not kept: %1. Copy what you need of it to outputs/ first.', names)}`;
    }
    const answer = await showDialog({
      title: trans.__('End this session?'),
      body: `${trans.__('All open documents are saved.')} ${ending.kept}${lost}`,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.warnButton({ label: trans.__('End the session') })
      ]
    });
    if (answer.button.accept) {
      await session.end();
    }
  } catch (error) {
    const why = (error as Error).message;
    notices.fail(
      trans.__(
        'The session could not be ended: %1. Stop it in Galaxy, under Interactive Tools.',
        why.replace(/\.$/, '')
      )
    );
  }
}
