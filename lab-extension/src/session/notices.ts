import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { Signal } from '@lumino/signaling';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IMessage, IStatus, Session } from './client';
import { headline, inWords } from './words';

type Kind = 'warning' | 'error' | 'info';

/** What the session tells its user: one warning before it ends, one notification a message. */
export class Notices {
  /** Emits each status of the session as it comes. */
  readonly changed = new Signal<this, IStatus>(this);
  /** The newest status, or null before the first. */
  last: IStatus | null = null;
  private readonly _told = new Map<string, string>();
  private _warning: string | null = null;

  constructor(
    private readonly _session: Session,
    private readonly _trans: TranslationBundle
  ) {}

  show(status: IStatus): void {
    this.last = status;
    const messages = status.messages ?? [];
    for (const message of messages) {
      this._tell(message);
    }
    this._takeBack(messages);
    this.changed.emit(status);
    if (status.ends_in_seconds === null || status.ends_in_seconds === undefined) {
      this._clear();
    } else {
      this._warn(status, status.ends_in_seconds);
    }
  }

  fail(text: string): void {
    this._notify('error', text, { autoClose: false });
  }

  /** Ask the session for more time, and say whether it was given. */
  async extend(): Promise<void> {
    try {
      const status = await this._session.extend();
      this._clear();
      if (typeof status?.ends_in_seconds !== 'number') {
        Notification.success(this._trans.__('The session keeps running.'), { autoClose: 5000 });
      }
      if (status !== null) {
        this.show(status);
      }
    } catch (error) {
      this._warning = null;
      const why = (error as Error).message.replace(/\.$/, '');
      this._notify('error', this._trans.__('The session could not be kept: %1. Run a cell to keep it.', why));
    }
  }

  private _tell(message: IMessage): void {
    const key = keyOf(message);
    if (!this._told.has(key)) {
      this._told.set(key, this._notify('warning', message.text, { autoClose: false }));
    }
  }

  /** Show a notification; what is too long for one is whole in a dialog behind its button. */
  private _notify(kind: Kind, text: string, options: Notification.IOptions<null> = {}): string {
    const head = headline(text);
    const actions = [...(options.actions ?? [])];
    if (head !== text) {
      actions.unshift({
        label: this._trans.__('Read all'),
        caption: text,
        displayType: 'accent',
        callback: event => {
          event.preventDefault(); // the notification stays
          void this._readAll(text);
        }
      });
    }
    return Notification[kind](head, { ...options, actions });
  }

  private async _readAll(text: string): Promise<void> {
    await showDialog({
      title: this._trans.__('A message of this session'),
      body: text,
      buttons: [Dialog.okButton({ label: this._trans.__('OK') })]
    });
  }

  /** Close what is true no longer: the session does not tell it any more. */
  private _takeBack(messages: IMessage[]): void {
    const keys = new Set(messages.map(keyOf));
    for (const [key, id] of this._told) {
      if (!keys.has(key)) {
        this._told.delete(key);
        Notification.dismiss(id);
      }
    }
  }

  private _warn(status: IStatus, left: number): void {
    const why = endsFor(status, this._trans);
    const text = this._trans.__(
      '%1: this session ends in %2. Your notebooks and outputs/ are kept in the history.',
      why,
      inWords(left)
    );
    if (this._warning !== null && Notification.manager.has(this._warning)) {
      Notification.update({ id: this._warning, message: text });
      return;
    }
    if (this._warning !== null && left > 60) {
      return; // the user has closed it, and it is not the last minute
    }
    this._warning = this._notify('warning', text, {
      autoClose: false,
      actions:
        status.can_keep === false
          ? []
          : [{ label: this._trans.__('Keep it running'), displayType: 'accent', callback: () => void this.extend() }]
    });
  }

  private _clear(): void {
    if (this._warning !== null) {
      Notification.dismiss(this._warning);
      this._warning = null;
    }
  }
}

/** Return why a session ends soon, as the beginning of a sentence. */
export function endsFor(status: IStatus, trans: TranslationBundle): string {
  switch (status.ends_for) {
    case 'gpu':
      return trans.__('The GPU has computed nothing for a while');
    case 'hours':
      return trans.__('Your GPU hours are used up');
    default:
      return trans.__('No cell has run for a while');
  }
}

function keyOf(message: IMessage): string {
  return `${message.time} ${message.text}`;
}
