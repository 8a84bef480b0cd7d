import type { ServerConnection } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';

import { ask } from '../server';
import type { IFigures, IHistory } from './figures';

const OPEN_MILLISECONDS = 5000;
const BUSY_MILLISECONDS = 10000;
const CALM_MILLISECONDS = 30000;

/**
 * The session's figures for this page.
 *
 * They come with the session's status, which the page asks for twice a minute anyway; while a tab shows them or a cell
 * runs they are asked for more often, and never while the page is hidden.
 */
export class Source {
  readonly changed = new Signal<this, IFigures>(this);
  /** Why there are no new figures, or an empty text. */
  trouble = '';
  private _figures: IFigures | null = null;
  private _readers = 0;
  private _timer = 0;

  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _isBusy: () => boolean
  ) {
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this._timer) {
        void this._round();
      }
    });
  }

  get figures(): IFigures | null {
    return this._figures;
  }

  /** Take figures that came with the session's status; the programs are those of the last time. */
  take(figures: IFigures): void {
    this.trouble = '';
    this._figures = { programs: this._figures?.programs, ...figures };
    this.changed.emit(this._figures);
    this._begin();
  }

  /** Ask every few seconds until the function that is returned is called. */
  watch(): () => void {
    this._readers += 1;
    void this._round();
    let over = false;
    return () => {
      this._readers -= over ? 0 : 1;
      over = true;
    };
  }

  /** Return the last hour's figures, or null where no session is around this JupyterLab. */
  lastHour(): Promise<IHistory | null> {
    return ask(this._settings, 'resources/history', { method: 'GET' });
  }

  private _begin(): void {
    if (!this._timer) {
      this._later();
    }
  }

  private _later(): void {
    clearTimeout(this._timer);
    const pause = this._readers ? OPEN_MILLISECONDS : this._isBusy() ? BUSY_MILLISECONDS : CALM_MILLISECONDS;
    this._timer = window.setTimeout(() => void this._round(), pause);
  }

  private async _round(): Promise<void> {
    const wanted = this._readers > 0 || this._isBusy();
    if (wanted && document.visibilityState === 'visible') {
      try {
        const figures = await ask<IFigures>(this._settings, 'resources', { method: 'GET' });
        this.trouble = '';
        if (figures?.gpu) {
          this._figures = figures;
        }
      } catch (error) {
        this.trouble = (error as Error).message;
      }
      if (this._figures) {
        this.changed.emit(this._figures);
      }
    }
    this._later();
  }
}
