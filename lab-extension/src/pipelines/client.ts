/** The pipeline editor's requests to the session: checks, and runs. */
import type { ServerConnection } from '@jupyterlab/services';

import { ask } from '../server';

export interface IProblem {
  message: string;
  node: string;
  field: string;
  node_id: string;
  severity: 'error' | 'warning';
}

export interface IChecked {
  problems: IProblem[];
  order: { id: string; name: string }[];
  /** The text in the current form, where the file is of an older one. */
  upgraded: string | null;
}

export type State = 'waiting' | 'queued' | 'running' | 'done' | 'failed' | 'stopped' | 'skipped';

export interface INodeState {
  state: State;
  seconds: number;
  reason?: string;
  cell?: [number, number];
}

export interface IRun {
  id: string;
  where: 'here' | 'galaxy';
  nodes: { [id: string]: INodeState };
  messages: string[];
  error: string;
  hint: string;
  over: boolean;
  facts: { workflow?: string; invocation?: string };
}

export class PipelineClient {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  async check(path: string, content: string): Promise<IChecked> {
    return (await this._post<IChecked>('pipelines/check', { path, content }))!;
  }

  /** Return what a program seems to read and to make, as the form "Run on the cluster" shows it. */
  async describe(path: string): Promise<{ inputs: { path: string }[]; outputs: string[] } | null> {
    return ask(this._settings, `trainings/describe?path=${encodeURIComponent(path)}`);
  }

  async lastRun(path: string): Promise<IRun | null> {
    const answer = await ask<{ run: IRun | null }>(this._settings, `pipelines/runs?path=${encodeURIComponent(path)}`);
    return answer?.run ?? null;
  }

  async run(path: string, where: 'here' | 'galaxy'): Promise<IRun> {
    return (await this._post<{ run: IRun }>('pipelines/runs', { path, where }))!.run;
  }

  async stop(id: string): Promise<void> {
    await ask(this._settings, `pipelines/runs/${id}`, { method: 'DELETE' });
  }

  private _post<T>(path: string, body: object): Promise<T | null> {
    return ask<T>(this._settings, path, { method: 'POST', body: JSON.stringify(body) });
  }
}
