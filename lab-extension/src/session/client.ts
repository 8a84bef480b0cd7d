import { ServerConnection } from '@jupyterlab/services';

import type { IFigures } from '../resources/figures';
import { ask } from '../server';

/** A message of the session; the time tells two of the same text apart. */
export interface IMessage {
  time: string;
  text: string;
}

/** What the session tells of itself. */
export interface IStatus {
  state: string;
  ends_in_seconds: number | null;
  /** Why it ends then. */
  ends_for?: 'idle' | 'gpu' | 'hours' | null;
  /** Whether asking for more time helps. */
  can_keep?: boolean;
  idle_seconds?: number;
  /** Time until the end if no cell runs; null where a session has none. */
  remaining_seconds?: number | null;
  /** What the session uses; see `resources/figures`. */
  resources?: IFigures | null;
  kept_in: 'history' | 'folder';
  messages?: IMessage[];
}

/** The names that the history does not get when the session ends, and how many more there are. */
export interface INotKept {
  not_kept: string[];
  more: number;
}

/** Asks the server's extension about the session. */
export class Session {
  /** This tab's name; crypto.randomUUID is there in secure contexts alone, which a proxy's address by http is none. */
  readonly tab = Array.from(crypto.getRandomValues(new Uint8Array(16)), byte =>
    byte.toString(16).padStart(2, '0')
  ).join('');

  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** Return the session's state, or null where this JupyterLab has no session around it. */
  status(): Promise<IStatus | null> {
    return ask(this._settings, `session?tab=${this.tab}`, { method: 'GET' });
  }

  extend(): Promise<IStatus | null> {
    return ask(this._settings, 'session', { method: 'POST' });
  }

  /** Tell that this tab has saved all but `unsaved` documents, as `request` asked it to. */
  async saved(request: string | undefined, unsaved: number): Promise<void> {
    const body = JSON.stringify({ tab: this.tab, request, unsaved });
    await ask(this._settings, 'saved', { method: 'POST', body });
  }

  notKept(): Promise<INotKept | null> {
    return ask(this._settings, 'end', { method: 'GET' });
  }

  async end(): Promise<void> {
    await ask(this._settings, 'end', { method: 'POST' });
  }
}
