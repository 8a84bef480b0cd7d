import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import { Context, type DocumentRegistry, type IDocumentWidget } from '@jupyterlab/docregistry';
import type { NotebookPanel } from '@jupyterlab/notebook';

type AnyContext = DocumentRegistry.IContext<DocumentRegistry.IModel>;

const SAVE_AFTER_MILLISECONDS = 200;
/** A session that is stopped in Galaxy can't be reached any more: what was typed has to be there by then. */
const SAVE_TYPED_MILLISECONDS = 1000;
/** A document may be written one part in so many of the time. */
const SAVE_SHARE = 10;
/** As long as the session waits at most, less the way there and back. */
const SAVE_ALL_MILLISECONDS = 9000;

/**
 * Have each save and rename of a document wait for the one before it, and no save take for saved what came meanwhile.
 *
 * JupyterLab compares the file with what it saved last, and takes its own save that is still on its way for a change by
 * somebody else: it would ask whether to overwrite. And it calls a document saved once the answer comes, also what was
 * typed after the text had been sent.
 */
export function oneAtATime(): void {
  const last = new WeakMap<object, Promise<unknown>>();
  const inTurn = <T>(context: object, act: () => Promise<T>): Promise<T> => {
    const done = (last.get(context) ?? Promise.resolve()).then(act);
    last.set(
      context,
      done.catch(() => undefined)
    );
    return done;
  };
  const { save, rename } = Context.prototype;
  Context.prototype.save = function (...args): Promise<void> {
    return inTurn(this, async () => {
      const model = this.model;
      let changed = false;
      const note = (): void => {
        changed = true;
      };
      await this.ready;
      const saving = save.apply(this, args);
      model.contentChanged.connect(note);
      try {
        await saving;
      } finally {
        model.contentChanged.disconnect(note);
      }
      if (changed && !this.isDisposed) {
        model.dirty = true;
      }
    });
  };
  Context.prototype.rename = function (...args): Promise<void> {
    return inTurn(this, () => rename.apply(this, args));
  };
}

/** Saves documents: as somebody types, a notebook when a cell has run, all of them when the session asks for it. */
export class Saving {
  private readonly _waiting = new Map<AnyContext, boolean>();
  private readonly _typed = new Map<AnyContext, number>();

  constructor(
    private readonly _docManager: IDocumentManager,
    private readonly _shell: JupyterFrontEnd.IShell
  ) {}

  /** Save a widget's document a moment after each change by its user; a running cell's output is in less of a hurry. */
  follow(widget: IDocumentWidget): void {
    const context = widget.context as AnyContext;
    const later = (): void => {
      this._typed.delete(context);
      this.soon(context);
    };
    const typed = (): void => {
      if (!this._typed.has(context)) {
        this._typed.set(context, window.setTimeout(later, SAVE_TYPED_MILLISECONDS));
      }
    };
    widget.node.addEventListener('input', typed);
    context.model.contentChanged.connect(() => {
      const kernel = (widget as Partial<Pick<NotebookPanel, 'sessionContext'>>).sessionContext?.session?.kernel;
      if (kernel?.status !== 'busy') {
        typed();
      }
    });
  }

  /** Save the document of `context` soon; of many wishes in a short time one counts. */
  soon(context: AnyContext): void {
    if (this._waiting.has(context)) {
      this._waiting.set(context, true);
      return;
    }
    this._waiting.set(context, false);
    window.setTimeout(() => void this._saveWaiting(context), SAVE_AFTER_MILLISECONDS);
  }

  /** Save every document that was changed, and return how many could not be saved in time. */
  async all(): Promise<number> {
    const contexts = new Set<AnyContext>();
    for (const area of ['main', 'left', 'right', 'down']) {
      for (const widget of this._shell.widgets(area)) {
        const context = this._docManager.contextForWidget(widget);
        if (context) {
          contexts.add(context as AnyContext);
        }
      }
    }
    // One that JupyterLab asks the user about may wait for ever.
    const late = new Promise<boolean>(resolve => setTimeout(() => resolve(false), SAVE_ALL_MILLISECONDS));
    const saved = await Promise.all([...contexts].map(context => Promise.race([this._save(context), late])));
    return saved.filter(well => !well).length;
  }

  private async _saveWaiting(context: AnyContext): Promise<void> {
    this._waiting.set(context, false);
    const began = performance.now();
    await this._save(context);
    const pause = Math.max(SAVE_AFTER_MILLISECONDS, SAVE_SHARE * (performance.now() - began));
    window.setTimeout(() => {
      const again = this._waiting.get(context);
      this._waiting.delete(context);
      if (again) {
        this.soon(context);
      }
    }, pause);
  }

  private async _save(context: AnyContext): Promise<boolean> {
    const model = context.model;
    if (context.isDisposed || !model.dirty || model.readOnly || model.collaborative) {
      return true;
    }
    if (context.contentsModel && !context.contentsModel.writable) {
      return false;
    }
    try {
      await context.save();
      return !model.dirty;
    } catch {
      return false; // JupyterLab itself tells why
    }
  }
}
