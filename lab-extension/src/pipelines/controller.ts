/** What an open pipeline is, and what can be done with it; the page's parts show it. */
import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { FileDialog } from '@jupyterlab/filebrowser';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import { Refused } from '../server';
import type { IProblem, IRun, PipelineClient } from './client';
import { emptyFlow, Flow, SUFFIXES } from './flow';

const CHECK_AFTER = 400;
const POLL_EVERY = 1000;
/** With more the page would stand still while they are drawn and checked. */
const MOST_NODES = 300;

export class Controller implements IDisposable {
  constructor(
    readonly context: DocumentRegistry.IContext<DocumentRegistry.ICodeModel>,
    readonly client: PipelineClient,
    readonly documents: IDocumentManager,
    readonly trans: TranslationBundle
  ) {
    void context.ready.then(() => {
      context.model.contentChanged.connect(this._read, this);
      this._read();
      void this._look();
    });
  }

  /** Emitted when anything that is shown may be another. */
  readonly changed = new Signal<this, void>(this);
  /** The pipeline, or null where the file is none; `wrong` says why. */
  flow: Flow | null = null;
  wrong = '';
  selected = '';
  problems: IProblem[] = [];
  /** The file's text in today's form, if it is of an older one. */
  upgraded: string | null = null;
  run: IRun | null = null;
  private _isTooLarge = false;
  isDisposed = false;

  get isRunning(): boolean {
    return !!this.run && !this.run.over;
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isDisposed = true;
    window.clearTimeout(this._checking);
    window.clearTimeout(this._polling);
    Signal.clearData(this);
  }

  select(id: string): void {
    if (this.selected !== id) {
      this.selected = id;
      this.changed.emit();
    }
  }

  /** Change the pipeline; one step of undo. */
  change(how: (flow: Flow) => void): void {
    if (!this.flow || this.context.model.readOnly) {
      return;
    }
    const flow = new Flow(this._text);
    how(flow);
    this.write(flow.text);
  }

  /** Replace the whole text; one step of undo. */
  write(text: string): void {
    if (text !== this._text) {
      this.context.model.sharedModel.setSource(text);
      // The model does so for what is typed, and not for a text that is replaced.
      this.context.model.dirty = true;
    }
  }

  undo(): void {
    this.context.model.sharedModel.undo();
  }

  redo(): void {
    this.context.model.sharedModel.redo();
  }

  /** Add files as nodes; paths are those of the file browser. */
  add(paths: string[], x?: number, y?: number): void {
    const usable = paths.filter(path => SUFFIXES.includes(PathExt.extname(path).toLowerCase()));
    if (usable.length < paths.length) {
      Notification.warning(
        this.trans.__('Only notebooks (.ipynb), Python scripts (.py) and R scripts (.R) can be nodes.')
      );
    }
    if (!usable.length) {
      return;
    }
    const folder = PathExt.dirname(this.context.localPath);
    this.change(flow => {
      const right = flow.nodes.reduce((most, node) => Math.max(most, node.x), -170);
      usable.forEach((path, index) => {
        const name = PathExt.relative(folder, path);
        this.selected = flow.add(name, (x ?? right + 230) + 30 * index, (y ?? 120) + 90 * index);
        void this._guess(this.selected, path);
      });
    });
  }

  /** Fill in what a new node seems to read and to make, unless somebody was quicker. */
  private async _guess(id: string, path: string): Promise<void> {
    let found;
    try {
      found = await this.client.describe(path);
    } catch {
      return; // a program that can't be read is told by the check
    }
    const fields = this.flow?.nodes.find(node => node.id === id)?.fields;
    const reads = found?.inputs.map(input => input.path) ?? [];
    const makes = found?.outputs ?? [];
    if (this.isDisposed || !fields || fields.dependencies.length || fields.outputs.length) {
      return;
    }
    if (reads.length || makes.length) {
      this.change(flow => {
        flow.set(id, 'dependencies', reads);
        flow.set(id, 'outputs', makes);
      });
    }
  }

  /** Ask for files, and add them. */
  async choose(): Promise<void> {
    const chosen = await FileDialog.getOpenFiles({
      manager: this.documents,
      title: this.trans.__('Add notebooks and scripts'),
      defaultPath: PathExt.dirname(this.context.path),
      filter: model =>
        model.type === 'directory' || SUFFIXES.includes(PathExt.extname(model.path).toLowerCase()) ? {} : null
    });
    const files = (chosen.value ?? []).filter(model => model.type !== 'directory');
    if (chosen.button.accept && files.length) {
      this.add(files.map(model => this.documents.services.contents.localPath(model.path)));
    }
  }

  /** Open a node's file. */
  open(filename: string): void {
    this.documents.openOrReveal(PathExt.join(PathExt.dirname(this.context.path), filename));
  }

  /** Save, and run. */
  async start(where: 'here' | 'galaxy'): Promise<void> {
    try {
      if (this.context.model.dirty) {
        await this.context.save();
      }
      this.run = await this.client.run(this.context.localPath, where);
      this.changed.emit();
      this._poll();
    } catch (error) {
      await this._tell(this.trans.__('The pipeline was not started'), error);
    }
  }

  async stop(): Promise<void> {
    try {
      if (this.run) {
        await this.client.stop(this.run.id);
      }
    } catch (error) {
      await this._tell(this.trans.__('The pipeline was not stopped'), error);
    }
  }

  private get _text(): string {
    const text = this.context.model.sharedModel.getSource();
    return text.trim() ? text : emptyFlow(PathExt.basename(this.context.path, '.pipeline'));
  }

  private _read(): void {
    try {
      const flow = new Flow(this._text);
      const isDrawn = flow.nodes.length <= MOST_NODES;
      this.flow = isDrawn ? flow : null;
      this._isTooLarge = !isDrawn;
      this.wrong = isDrawn
        ? ''
        : this.trans.__(
            'This pipeline has %1 nodes, and the editor draws %2 at most. In a terminal, `nebulab pipeline run` runs it.',
            flow.nodes.length,
            MOST_NODES
          );
    } catch (error) {
      this.flow = null;
      this.wrong = error instanceof Error ? error.message : String(error);
    }
    if (!this.flow?.nodes.some(node => node.id === this.selected)) {
      this.selected = '';
    }
    this.changed.emit();
    window.clearTimeout(this._checking);
    this._checking = window.setTimeout(() => void this._check(), CHECK_AFTER);
  }

  private async _check(): Promise<void> {
    if (this._isTooLarge) {
      return;
    }
    const text = this._text;
    try {
      const checked = await this.client.check(this.context.localPath, text);
      if (this.isDisposed || text !== this._text) {
        return;
      }
      this.problems = checked.problems;
      this.upgraded = checked.upgraded;
      this.wrong = this.flow ? '' : this.wrong;
    } catch (error) {
      if (error instanceof Refused && error.status === 400) {
        this.problems = [];
        this.flow = null;
        this.wrong = [error.message, error.hint].filter(part => part).join(' ');
      }
    }
    this.changed.emit();
  }

  /** Look whether it runs already: the page may have been loaded anew. */
  private async _look(): Promise<void> {
    try {
      this.run = await this.client.lastRun(this.context.localPath);
    } catch {
      return;
    }
    this.changed.emit();
    if (this.isRunning) {
      this._poll();
    }
  }

  private _poll(): void {
    window.clearTimeout(this._polling);
    this._polling = window.setTimeout(async () => {
      try {
        this.run = (await this.client.lastRun(this.context.localPath)) ?? this.run;
      } catch {
        // the session is away for a moment; it is asked again
      }
      if (this.isDisposed) {
        return;
      }
      this.changed.emit();
      if (this.isRunning) {
        this._poll();
      }
    }, POLL_EVERY);
  }

  private async _tell(title: string, error: unknown): Promise<void> {
    const hint = error instanceof Refused ? error.hint : '';
    const message = error instanceof Error ? error.message : String(error);
    await showErrorMessage(title, [message, hint].filter(part => part).join('\n'));
  }

  private _checking = 0;
  private _polling = 0;
}
