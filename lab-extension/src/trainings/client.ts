import type { ServerConnection } from '@jupyterlab/services';

import { ask } from '../server';

export type State = 'sending' | 'not sent' | 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled';

export const ENDED: readonly State[] = ['done', 'failed', 'cancelled', 'not sent'];

/** One training as the list has it; times are milliseconds since 1970, by Galaxy's clock. */
export interface ITraining {
  id: string;
  name: string;
  state: State;
  created: number | null;
  begun: number | null;
  ended: number | null;
  now: number;
  gpus: number | null;
  parameters: Record<string, unknown>;
  /** Whether the person was told of its end. */
  told: boolean;
}

/** One training on its way to Galaxy. */
export interface ISend {
  id: string;
  name: string;
  state: 'sending' | 'not sent';
  created: number;
  file: string;
  done: number;
  total: number | null;
  /** Galaxy's id, once it has it. */
  job: string;
  message: string;
  hint: string;
}

export interface IList {
  /** Whether this session belongs to a history of Galaxy. */
  history: boolean;
  sending: ISend[];
  trainings: ITraining[];
}

export interface IProgress {
  cell: number;
  cells: number;
  memory: { gb: number; peak_gb: number } | null;
  gpu: { percent: number | null; gb: number; peak_gb: number } | null;
}

export interface IElement {
  name: string;
  id: string;
  ext: string;
  state: string;
}

export interface IOutput {
  output: string;
  id: string;
  name: string;
  kind: 'dataset' | 'collection';
  state: string;
  ext: string;
  size: number | null;
  elements: IElement[];
}

export interface IFailure {
  cell: number | null;
  cells: number | null;
  reason: string;
  text: string;
  /** Whether Galaxy has lost it: it may still run. */
  lost: boolean;
  hint: string;
}

export interface IOne extends ITraining {
  log: string;
  /** Where the log goes on, and where this part of it begins, in bytes. */
  position: number;
  from: number;
  progress: IProgress | null;
  /** What it computes on, once it runs. */
  device: string;
  seconds?: number | null;
  outputs: IOutput[];
  failure: IFailure | null;
}

export interface IPlace {
  cell: number;
  line: number;
  text: string;
}

export interface IParameter {
  name: string;
  type: 'int' | 'float' | 'bool' | 'str' | 'list' | 'dict' | 'any';
  default: string;
  /** Whether the default is no literal, and so is what the program computes. */
  computed: boolean;
  help: string;
}

export interface INamed {
  name: string;
  where: IPlace[];
}

export interface IDescription {
  path: string;
  name: string;
  language: string;
  cells: number;
  history: boolean;
  has_parameters: boolean;
  parameters: IParameter[];
  inputs: { path: string; size: number; where: IPlace[] }[];
  missing: INamed[];
  outside: INamed[];
  named: (INamed & { given: { value: unknown } | { paths: string[] } | null })[];
  packages: { added: string[]; left: string[]; error: string };
}

export interface IForm {
  path: string;
  parameters: Record<string, { type: string; text: string }>;
  files: string[];
  named: Record<string, unknown>;
  gpus: number | null;
  minutes: string;
  name: string;
  packages: boolean;
}

export interface ICard {
  name: string;
  class: string;
  kind: string;
  verified: boolean;
  reason: string;
  proof: Record<string, unknown> | null;
  inputs: Record<string, unknown>[];
  outputs: Record<string, unknown>[];
  metrics: Record<string, number>;
  versions: Record<string, string>;
  hardware: Record<string, unknown>;
  code_sha256: string;
  date: string;
}

export interface ISide extends Omit<IOne, 'log' | 'position' | 'from'> {
  models: ICard[];
  values: Record<string, unknown>;
  /** Why there are no values. */
  values_missing: string;
  figures: IElement[];
  tables: IElement[];
}

/** Requests about trainings, below `/nebulab/trainings`. */
export class Client {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  async list(): Promise<IList> {
    return (await this._ask<IList>(''))!;
  }

  async describe(path: string): Promise<IDescription> {
    return (await this._ask<IDescription>(`/describe?path=${encodeURIComponent(path)}`))!;
  }

  /** Send a form, and return its row, or a sentence for each field that is wrong. */
  async send(form: IForm): Promise<ISend | { faults: Record<string, string> }> {
    return (await this._post<ISend | { faults: Record<string, string> }>('', form))!;
  }

  async one(id: string, position: number): Promise<IOne> {
    return (await this._ask<IOne>(`/job/${encodeURIComponent(id)}?position=${position}`))!;
  }

  async cancel(id: string): Promise<void> {
    await this._ask(`/job/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  async tell(ids: string[]): Promise<void> {
    await this._post('/told', { ids });
  }

  async compare(ids: string[]): Promise<ISide[]> {
    const query = ids.map(id => `id=${encodeURIComponent(id)}`).join('&');
    return (await this._ask<{ trainings: ISide[] }>(`/compare?${query}`))!.trainings;
  }

  async card(id: string): Promise<ICard> {
    return (await this._ask<ICard>(`/card/${encodeURIComponent(id)}`))!;
  }

  /** Return the address of a figure as an image's: its bytes, checked to be a PNG. */
  async figure(id: string): Promise<string> {
    const answer = await this._ask<{ png: string }>(`/figure/${encodeURIComponent(id)}`);
    return `data:image/png;base64,${answer!.png}`;
  }

  /** Bring a dataset into the Lab's folder, and return its path there. */
  async fetch(id: string, name: string, training: string): Promise<string> {
    return (await this._post<{ path: string }>('/fetch', { id, name, training }))!.path;
  }

  private _ask<T>(path: string, init: RequestInit = {}): Promise<T | null> {
    return ask<T>(this._settings, `trainings${path}`, init);
  }

  private _post<T>(path: string, body: unknown): Promise<T | null> {
    return this._ask<T>(path, { method: 'POST', body: JSON.stringify(body) });
  }
}
