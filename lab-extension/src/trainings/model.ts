import { Signal } from '@lumino/signaling';

import { Refused } from '../server';
import { ENDED, type Client, type IOne, type IProgress, type ISend, type ITraining } from './client';

const SENDING_MILLISECONDS = 1000;
const BUSY_MILLISECONDS = 4000;
const CALM_MILLISECONDS = 30000;
/** With the panel closed: whether something has ended is still to be told. */
const HIDDEN_BUSY_MILLISECONDS = 30000;
const HIDDEN_CALM_MILLISECONDS = 120000;
const MOST_LOG = 2_000_000;

/** What is open in the panel: the answers about one training put together. */
export interface IOpened {
  one: IOne;
  log: string;
  progress: IProgress | null;
  device: string;
}

/** The trainings of the history, looked at as often as somebody looks at the panel and something happens. */
export class Trainings {
  /** Something that is shown has changed. */
  readonly changed = new Signal<this, void>(this);
  /** These have ended, and the person was not told of it. */
  readonly ended = new Signal<this, ITraining[]>(this);
  sends: ISend[] = [];
  list: ITraining[] = [];
  hasHistory = true;
  isLoaded = false;
  /** Why the last look failed. */
  trouble = '';
  opened: IOpened | null = null;
  openId = '';
  readonly chosen = new Set<string>();
  private _timer = 0;
  private _visible = false;
  private _looking = false;
  private _again = false;
  private _offset = 0;

  constructor(readonly client: Client) {
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this._timer) {
        void this.look();
      }
    });
  }

  /** Milliseconds since 1970 by Galaxy's clock. */
  now(): number {
    return Date.now() + this._offset;
  }

  show(visible: boolean): void {
    this._visible = visible;
    if (visible) {
      void this.look();
    } else {
      this._plan();
    }
  }

  /** Open one, or close what is open. */
  open(id: string): void {
    this.openId = id;
    this.opened = null;
    this.changed.emit();
    if (id) {
      void this.look();
    }
  }

  choose(id: string, chosen: boolean): void {
    if (chosen) {
      this.chosen.add(id);
    } else {
      this.chosen.delete(id);
    }
    this.changed.emit();
  }

  /** Ask for the list, and for what is open. */
  async look(): Promise<void> {
    if (this._looking) {
      this._again = true;
      return;
    }
    this._looking = true;
    clearTimeout(this._timer);
    try {
      await this._list();
      await this._one();
      this.trouble = '';
    } catch (error) {
      this.trouble = (error as Error).message;
    }
    this._looking = false;
    this.changed.emit();
    if (this._again) {
      this._again = false;
      void this.look();
      return;
    }
    this._plan();
  }

  async cancel(id: string): Promise<void> {
    await this.client.cancel(id);
    await this.look();
  }

  private async _list(): Promise<void> {
    const told = await this.client.list();
    this.hasHistory = told.history;
    const arrived = told.sending.find(send => send.id === this.openId)?.job;
    this.isLoaded = true;
    this.list = told.trainings;
    this.sends = told.sending.filter(send => !send.job);
    if (this.list.length) {
      this._offset = this.list[0].now - Date.now();
    }
    if (arrived) {
      this.openId = arrived;
      this.opened = null;
    }
    const ended = this.list.filter(one => ENDED.includes(one.state) && !one.told && one.name);
    if (ended.length) {
      await this.client.tell(ended.map(one => one.id));
      ended.forEach(one => (one.told = true));
      this.ended.emit(ended);
    }
  }

  private async _one(): Promise<void> {
    const id = this.openId;
    if (!id || id.startsWith('send-')) {
      return;
    }
    const known = this.opened?.one.id === id ? this.opened : null;
    if (known && ENDED.includes(known.one.state) && !known.one.failure?.lost) {
      return;
    }
    const one = await this.client.one(id, known?.one.position ?? 0);
    if (this.openId !== id) {
      return;
    }
    const begun = one.from === (known?.one.position ?? 0) && known ? known.log : '';
    this.opened = {
      one,
      log: (begun + one.log).slice(-MOST_LOG),
      progress: one.progress ?? known?.progress ?? null,
      device: one.device || known?.device || ''
    };
  }

  private _plan(): void {
    clearTimeout(this._timer);
    if (!this.hasHistory) {
      this._timer = 0;
      return;
    }
    const isSending = this.sends.some(send => send.state === 'sending');
    const isBusy = isSending || this.list.some(one => !ENDED.includes(one.state));
    let pause = this._visible ? CALM_MILLISECONDS : HIDDEN_CALM_MILLISECONDS;
    if (isBusy) {
      pause = this._visible ? BUSY_MILLISECONDS : HIDDEN_BUSY_MILLISECONDS;
    }
    if (isSending) {
      pause = SENDING_MILLISECONDS;
    }
    this._timer = window.setTimeout(() => {
      // A page in the background asks when it is looked at again.
      if (document.visibilityState === 'visible') {
        void this.look();
      }
    }, pause);
  }
}

/** The server's sentence, and what to do next. */
export function inWords(error: unknown): string {
  const said = error as Error;
  return said instanceof Refused && said.hint ? `${said.message} ${said.hint}` : said.message;
}
