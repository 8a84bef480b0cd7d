/** What the Galaxy panel asks of the session's server, below `/nebulab/galaxy/`. */
import type { ServerConnection } from '@jupyterlab/services';

import { ask } from '../server';

/** As nebulab.session.lab.galaxy.listening names its event. */
export const EVENT = 'urn:nebulab:galaxy';

export interface IState {
  connected: boolean;
  /** Galaxy's own address. */
  url: string;
  /** The session's history, or an empty text. */
  history: string;
  away: boolean;
}

export interface IHistory {
  id: string;
  name: string;
  updated: string;
}

/** A dataset or a collection of a history, or an element of a collection. */
export interface IItem {
  id: string;
  hid: number | null;
  name: string;
  kind: 'dataset' | 'collection';
  state: string;
  extension: string;
  size: number | null;
  tags: string[];
  deleted: boolean;
  purged: boolean;
  visible: boolean;
  elements: number;
  collection_type: string;
  collection_id: string;
  info: string;
  /** The code that loads it into a notebook. */
  load: string;
  /** Of an element: the names that lead to it from its outermost collection. */
  path?: string;
}

export interface IFilter {
  search: string;
  deleted: boolean;
  hidden: boolean;
}

export interface ITransfer {
  id: number;
  kind: 'download' | 'upload';
  label: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  done: number;
  total: number | null;
  message: string;
  hint: string;
  path: string;
}

/** A table of a model card. */
export interface ISection {
  title: string;
  text: string;
  heads: string[];
  rows: string[][];
}

export interface IPreview {
  id: string;
  name: string;
  extension: string;
  size: number | null;
  kind: 'table' | 'text' | 'image' | 'hdf5' | 'notebook' | 'model' | 'none';
  more?: boolean;
  text?: string;
  columns?: string[];
  rows?: string[][];
  type?: string;
  data?: string;
  nodes?: { name: string; depth: number; type: string; what: string }[];
  cells?: { type: string; source: string; outputs: string[] }[];
  title?: string;
  class?: string;
  proven?: boolean;
  verdict?: string;
  sections?: ISection[];
}

export class Client {
  constructor(readonly settings: ServerConnection.ISettings) {}

  state(): Promise<IState> {
    return this._get('state', {});
  }

  async histories(search: string, limit = 30): Promise<{ histories: IHistory[]; own: string }> {
    return this._get('histories', { search, limit });
  }

  createHistory(name: string): Promise<IHistory> {
    return this._send('POST', 'histories', { name });
  }

  contents(
    history: string,
    filter: IFilter,
    offset: number,
    limit: number
  ): Promise<{ items: IItem[]; total: number }> {
    const { search, deleted, hidden } = filter;
    return this._get('contents', { history, search, deleted, hidden, offset, limit });
  }

  elements(
    history: string,
    id: string,
    collection: string,
    deeper: string,
    offset: number,
    limit: number
  ): Promise<{ items: IItem[] }> {
    return this._get('elements', { history, id, collection, deeper, offset, limit });
  }

  delete(history: string, items: IItem[], deleted: boolean): Promise<{ done: number; errors: string[] }> {
    return this._send('POST', 'delete', { history, items: items.map(named), deleted });
  }

  preview(id: string): Promise<IPreview> {
    return this._get(`preview/${encodeURIComponent(id)}`, {});
  }

  watch(tab: string, history: string): Promise<{ live: string; away: boolean }> {
    return this._send('POST', 'watch', { tab, history });
  }

  async transfers(): Promise<ITransfer[]> {
    return (await this._get<{ transfers: ITransfer[] }>('transfers', {})).transfers;
  }

  async download(history: string, items: IItem[], folder: string): Promise<ITransfer[]> {
    const names = items.map(item => item.name);
    const body = { kind: 'download', history, items: items.map(named), names, folder };
    return (await this._send<{ transfers: ITransfer[] }>('POST', 'transfers', body)).transfers;
  }

  async upload(history: string, paths: string[]): Promise<ITransfer[]> {
    const body = { kind: 'upload', history, paths };
    return (await this._send<{ transfers: ITransfer[] }>('POST', 'transfers', body)).transfers;
  }

  again(transfer: number): Promise<unknown> {
    return this._send('POST', `transfers/${transfer}`, {});
  }

  cancel(transfer: number): Promise<unknown> {
    return this._send('DELETE', `transfers/${transfer}`);
  }

  private async _get<T>(path: string, query: Record<string, string | number | boolean>): Promise<T> {
    const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, `${value}`])).toString();
    return (await ask<T>(this.settings, `galaxy/${path}${text ? `?${text}` : ''}`)) as T;
  }

  private async _send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init = { method, body: body === undefined ? undefined : JSON.stringify(body) };
    return (await ask<T>(this.settings, `galaxy/${path}`, init)) as T;
  }
}

function named({ id, kind }: IItem): { id: string; kind: string } {
  return { id, kind };
}
