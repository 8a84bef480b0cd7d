/** What the Galaxy panel shows: one history's items, loaded page by page as one scrolls, and the transfers. */
import { Signal } from '@lumino/signaling';

import { Refused } from '../server';
import type { Client, IFilter, IHistory, IItem, IState, ITransfer } from './client';

/** Items of one request. */
export const PAGE = 100;
const NO_FILTER: IFilter = { search: '', deleted: false, hidden: false };
const RETRY_MS = 10000;
const REFRESH_MS = 1500;

/** States that go on to another without a word of Galaxy's: it tells of a new item and of one that is ready. */
const WAITING = new Set(['new', 'upload', 'queued', 'waiting', 'running', 'setting_metadata', 'resubmitted']);

/** A row of the list; `item` is null while its page is on the way. */
export interface IRow {
  key: string;
  /** The key that it has until its page is loaded. */
  place: string;
  level: number;
  position: number;
  size: number;
  item: IItem | null;
  /** The page's number among its siblings', and the opened collection that it is in, if any. */
  page: number;
  parent: IOpened | null;
}

/** A collection that is open in the list. */
export interface IOpened {
  key: string;
  /** Of the outermost collection, in the history. */
  root: string;
  collection: string;
  deeper: string;
  count: number;
  pages: Map<number, IItem[]>;
}

export type Status = 'loading' | 'ready' | 'away' | 'failed' | 'unconnected';

export class Model {
  readonly changed = new Signal<this, void>(this);
  readonly transfersChanged = new Signal<this, void>(this);
  status: Status = 'loading';
  error = '';
  url = '';
  own = '';
  history: IHistory | null = null;
  filter: IFilter = NO_FILTER;
  total = 0;
  transfers: ITransfer[] = [];
  private readonly _pages = new Map<number, IItem[]>();
  private readonly _opened = new Map<string, IOpened>();
  private readonly _asked = new Set<string>();
  private _rows: IRow[] | null = null;
  private _round = 0;
  private _visible: IRow[] = [];
  private _retry = 0;
  private _refresh = 0;
  private _refreshing = false;
  private _stale = false;

  constructor(readonly client: Client) {}

  /** Learn which Galaxy the session has, and show its history. */
  async start(): Promise<void> {
    try {
      const state = await this.client.state();
      this.url = state.url;
      this.own = state.history;
      if (!state.connected) {
        this._become('unconnected');
        return;
      }
      this.transfers = await this.client.transfers();
      this.transfersChanged.emit();
      await this._choose(state);
    } catch (error) {
      this._fail(error);
    }
  }

  private async _choose(state: IState): Promise<void> {
    const { histories } = await this.client.histories('');
    const own = histories.find(history => history.id === state.history);
    const first = own ?? histories[0];
    if (first) {
      await this.show(first);
    } else {
      this.history = null;
      this._become('ready');
    }
  }

  /** Show another history. */
  async show(history: IHistory): Promise<void> {
    this.history = history;
    this.filter = NO_FILTER;
    await this.reload();
  }

  async search(filter: Partial<IFilter>): Promise<void> {
    this.filter = { ...this.filter, ...filter };
    await this.reload();
  }

  /** Load all anew from the first page on. */
  async reload(): Promise<void> {
    this._round += 1;
    this._pages.clear();
    this._opened.clear();
    this._asked.clear();
    this._visible = [];
    this.total = 0;
    this._become('loading');
    await this._load(0);
  }

  /** Load what is shown anew, soon: several changes in a row are one. */
  refreshSoon(): void {
    this._stale = true;
    if (!this._refresh) {
      this._refresh = window.setTimeout(() => void this._refreshNow(), REFRESH_MS);
    }
  }

  private async _refreshNow(): Promise<void> {
    this._refresh = 0;
    if (this._refreshing || !this.history) {
      return;
    }
    this._refreshing = true;
    this._stale = false;
    try {
      await this._reloadVisible();
    } finally {
      this._refreshing = false;
    }
    if (this._stale) {
      this.refreshSoon();
    }
  }

  private async _reloadVisible(): Promise<void> {
    const top = new Set<number>([0]);
    const inside = new Map<IOpened, Set<number>>();
    for (const row of this._visible) {
      if (!row.parent) {
        top.add(row.page);
      } else {
        inside.set(row.parent, (inside.get(row.parent) ?? new Set()).add(row.page));
      }
    }
    // What is not seen is loaded again when it is.
    this._drop(this._pages, top);
    for (const opened of this._opened.values()) {
      this._drop(opened.pages, inside.get(opened) ?? new Set());
    }
    this._asked.clear();
    const loads = [...top].map(page => this._load(page));
    for (const [opened, pages] of inside) {
      loads.push(...[...pages].map(page => this._loadElements(opened, page)));
    }
    await Promise.all(loads);
  }

  private _drop(pages: Map<number, IItem[]>, kept: Set<number>): void {
    for (const page of pages.keys()) {
      if (!kept.has(page)) {
        pages.delete(page);
      }
    }
  }

  /** All rows, those of open collections below them. */
  get rows(): IRow[] {
    if (!this._rows) {
      this._rows = [];
      this._flatten(this._rows, this.total, this._pages, null, 1);
    }
    return this._rows;
  }

  private _flatten(
    rows: IRow[],
    count: number,
    pages: Map<number, IItem[]>,
    parent: IOpened | null,
    level: number
  ): void {
    for (let index = 0; index < count; index++) {
      const page = Math.floor(index / PAGE);
      const item = pages.get(page)?.[index % PAGE] ?? null;
      const above = parent ? `${parent.key}/` : '';
      const place = `${above}?${index}`;
      const key = item ? `${above}${item.kind}:${item.id || index}` : place;
      rows.push({ key, place, level, position: index + 1, size: count, item, page, parent });
      const opened = this._opened.get(key);
      if (opened) {
        this._flatten(rows, opened.count, opened.pages, opened, level + 1);
      }
    }
  }

  /** Note which rows are seen, and load their pages. */
  see(rows: IRow[]): void {
    this._visible = rows;
    for (const row of rows) {
      if (row.item === null) {
        void (row.parent ? this._loadElements(row.parent, row.page) : this._load(row.page));
      }
    }
  }

  /** What is seen and being made, each with its state; empty where nothing is. */
  get busyStates(): string {
    return this._visible
      .flatMap(row => (row.item && WAITING.has(row.item.state) ? [`${row.key} ${row.item.state}`] : []))
      .join('\n');
  }

  isOpen(row: IRow): boolean {
    return this._opened.has(row.key);
  }

  open(row: IRow): void {
    const { item, parent } = row;
    if (!item || item.kind !== 'collection' || !item.collection_id || this.isOpen(row)) {
      return;
    }
    const opened: IOpened = {
      key: row.key,
      root: parent ? parent.root : item.id,
      collection: item.collection_id,
      deeper: parent ? (item.path ?? '') : '',
      count: item.elements,
      pages: new Map()
    };
    this._opened.set(row.key, opened);
    this._tell();
    if (opened.count) {
      void this._loadElements(opened, 0);
    }
  }

  close(row: IRow): void {
    for (const key of [...this._opened.keys()]) {
      if (key === row.key || key.startsWith(`${row.key}/`)) {
        this._opened.delete(key);
      }
    }
    this._tell();
  }

  private async _load(page: number): Promise<void> {
    const history = this.history;
    if (!history || !this._begin(`${page}`)) {
      return;
    }
    const round = this._round;
    try {
      const { items, total } = await this.client.contents(history.id, this.filter, page * PAGE, PAGE);
      if (round === this._round) {
        this.total = total;
        this._pages.set(page, items);
        this._become('ready');
      }
    } catch (error) {
      if (round === this._round) {
        this._fail(error);
      }
    } finally {
      this._asked.delete(`${page}`);
    }
  }

  private async _loadElements(opened: IOpened, page: number): Promise<void> {
    const history = this.history;
    const name = `${opened.key} ${page}`;
    if (!history || !this._begin(name)) {
      return;
    }
    const { root, collection, deeper } = opened;
    try {
      const answer = await this.client.elements(history.id, root, collection, deeper, page * PAGE, PAGE);
      opened.pages.set(page, answer.items);
      this._tell();
    } catch (error) {
      this._fail(error);
    } finally {
      this._asked.delete(name);
    }
  }

  private _begin(name: string): boolean {
    if (this._asked.has(name)) {
      return false;
    }
    this._asked.add(name);
    return true;
  }

  private _fail(error: unknown): void {
    const status = error instanceof Refused ? error.status : 0;
    this.error = error instanceof Error ? error.message : `${error}`;
    this._become([0, 502, 503, 504].includes(status) ? 'away' : 'failed');
    if (this.status === 'away' && !this._retry) {
      // The server tells when Galaxy is back; this is for a server that was away itself.
      this._retry = window.setTimeout(() => {
        this._retry = 0;
        if (this.status === 'away') {
          void this.tryAgain();
        }
      }, RETRY_MS);
    }
  }

  async tryAgain(): Promise<void> {
    await (this.history ? this._reloadVisible() : this.start());
  }

  /** What the server tells of Galaxy and of transfers. */
  told(event: { what?: unknown; histories?: unknown; transfer?: unknown }): void {
    switch (event.what) {
      case 'changed':
        if (this.history && (event.histories as string[]).includes(this.history.id)) {
          this.refreshSoon();
        }
        break;
      case 'away':
        if (this.status === 'ready') {
          this._become('away');
        }
        break;
      case 'back':
        void this.tryAgain();
        break;
      case 'transfer':
        this._take(event.transfer as ITransfer);
        break;
    }
  }

  private _take(transfer: ITransfer): void {
    const isKnown = this.transfers.some(each => each.id === transfer.id);
    const others = this.transfers.map(each => (each.id === transfer.id ? transfer : each));
    this.transfers = isKnown ? others : [...others, transfer];
    this.transfersChanged.emit();
  }

  async endTransfer(transfer: ITransfer): Promise<void> {
    await this.client.cancel(transfer.id);
    if (!['waiting', 'running'].includes(transfer.state)) {
      this.transfers = this.transfers.filter(each => each.id !== transfer.id);
      this.transfersChanged.emit();
    }
  }

  private _become(status: Status): void {
    this.status = status;
    this._tell();
  }

  private _tell(): void {
    this._rows = null;
    this.changed.emit();
  }
}
