/**
 * The Galaxy panel: a person's histories in the left side bar, and what they do with them. What it takes is loaded when
 * it is first shown.
 */
import type { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { UUID } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { PanelLayout, Widget } from '@lumino/widgets';

import { Actions, COMMANDS } from './actions';
import { Client, EVENT, type IItem } from './client';
import { galaxyIcon } from './icon';
import { Model } from './model';

const ID = 'nebulab-galaxy';
/** As long as a tab is known to watch, in nebulab.session.lab.galaxy.listening, it may be silent for twice as long. */
const WATCH_MS = 45000;
/**
 * Between two looks at what is being made, at first and, in rounds of that, at last. Galaxy tells of new items and of
 * ready ones; a look finds those that begin to run. A session's own outputs run as long as it does.
 */
const BUSY_MS = 12000;
const MOST_ROUNDS = 5;
const FILE = '.jp-DirListing-item[data-isdir]';

/** Show a dataset's preview by Galaxy's id: for the other panels. */
export function showPreview(app: JupyterFrontEnd, id: string): Promise<unknown> {
  return app.commands.execute(COMMANDS.preview, { id });
}

/** The side bar's place for the panel, which comes when it is first shown. */
class Place extends Widget {
  private _begun = false;

  constructor(
    private readonly _actions: Actions,
    private readonly _watching: Watching
  ) {
    super();
    this.id = ID;
    this.layout = new PanelLayout();
    this.addClass('nebulab-galaxy-place');
    this.title.icon = galaxyIcon;
    this.title.caption = _actions.trans.__('Galaxy: your histories');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this.title.caption);
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    void this.begin();
    this._watching.show(true);
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._watching.show(false);
  }

  async begin(): Promise<void> {
    if (this._begun) {
      return;
    }
    this._begun = true;
    const { GalaxyPanel } = await import('./panel');
    (this.layout as PanelLayout).addWidget(new GalaxyPanel(this._actions));
    await this._actions.model.start();
  }
}

/** Tells the server which history this tab shows, as long as it does. */
class Watching {
  private readonly _tab = UUID.uuid4();
  private _isShown = false;
  private _watched = '';
  private _timer = 0;
  private _busyTimer = 0;
  private _states = '';
  private _rounds = 1;
  private _left = 0;

  constructor(private readonly _model: Model) {
    _model.changed.connect(() => this._update());
    document.addEventListener('visibilitychange', () => this._update());
    window.addEventListener('pagehide', () => this._say(''));
  }

  show(isShown: boolean): void {
    this._isShown = isShown;
    this._update();
  }

  private _update(): void {
    const isSeen = this._isShown && document.visibilityState === 'visible';
    const watched = isSeen ? (this._model.history?.id ?? '') : '';
    if (watched === this._watched) {
      return;
    }
    const wasWatching = this._watched !== '';
    this._watched = watched;
    this._say(watched);
    if (watched && !wasWatching) {
      if (this._model.status === 'ready') {
        // Nobody has told what happened meanwhile.
        this._model.refreshSoon();
      }
      this._timer = window.setInterval(() => this._say(this._watched), WATCH_MS);
      this._busyTimer = window.setInterval(() => this._look(), BUSY_MS);
    } else if (!watched) {
      window.clearInterval(this._timer);
      window.clearInterval(this._busyTimer);
    }
  }

  /** Look at what is being made, ever more seldom as long as nothing of it changes. */
  private _look(): void {
    const states = this._model.busyStates;
    if (states !== this._states) {
      this._states = states;
      this._rounds = 1;
      this._left = 0;
    }
    if (states && this._left-- <= 0) {
      this._model.refreshSoon();
      this._left = this._rounds - 1;
      this._rounds = Math.min(2 * this._rounds, MOST_ROUNDS);
    }
  }

  private _say(history: string): void {
    this._model.client.watch(this._tab, history).catch(() => undefined);
  }
}

function addCommands(actions: Actions): void {
  const { app, trans } = actions;
  const one = (): IItem | undefined => (actions.selected.length === 1 ? actions.selected[0] : undefined);
  const some = (isWanted: (item: IItem) => boolean): IItem[] => actions.selected.filter(isWanted);
  const isThere = (item: IItem): boolean => !item.deleted && !item.purged;
  const loadable = (): IItem[] => some(item => isThere(item) && item.load !== '');
  // An element of a collection is no item of the history; its collection is.
  const downloadable = (): IItem[] =>
    some(item => isThere(item) && item.id !== '' && (item.kind === 'dataset' || item.hid !== null));
  const removable = (): IItem[] => some(item => isThere(item) && item.hid !== null);
  const restorable = (): IItem[] => some(item => item.deleted && !item.purged);

  app.commands.addCommand(COMMANDS.preview, {
    label: trans.__('Preview'),
    isEnabled: args => typeof args.id === 'string' || one()?.kind === 'dataset',
    execute: async args => {
      const id = typeof args.id === 'string' ? args.id : one()?.id;
      if (id) {
        const { open } = await import('./preview');
        open(actions, id);
      }
    }
  });
  app.commands.addCommand(COMMANDS.load, {
    label: trans.__('Load in Notebook'),
    caption: trans.__('Put the code that loads it into a new cell'),
    isEnabled: () => loadable().length > 0,
    execute: () => actions.load(loadable())
  });
  app.commands.addCommand(COMMANDS.download, {
    label: () => trans.__('Download to %1', actions.folder || trans.__('the working folder')),
    isEnabled: () => downloadable().length > 0,
    execute: () => actions.download(downloadable())
  });
  app.commands.addCommand(COMMANDS.remove, {
    label: trans.__('Delete…'),
    isVisible: () => removable().length > 0,
    execute: () => actions.remove(removable())
  });
  app.commands.addCommand(COMMANDS.restore, {
    label: trans.__('Undelete'),
    isVisible: () => restorable().length > 0,
    execute: () => actions.restore(restorable())
  });
  app.commands.addCommand(COMMANDS.inGalaxy, {
    label: trans.__('Open in Galaxy'),
    isEnabled: () => one() !== undefined && actions.model.url !== '',
    execute: () => actions.openInGalaxy(one() as IItem)
  });
  app.commands.addCommand(COMMANDS.copyName, {
    label: trans.__('Copy Name'),
    isEnabled: () => one() !== undefined,
    execute: () => actions.copyName(one() as IItem)
  });
  addSending(app, actions, trans);
}

/** The file browser's menu: files of the working folder into the history that the panel shows. */
function addSending(app: JupyterFrontEnd, actions: Actions, trans: TranslationBundle): void {
  app.commands.addCommand(COMMANDS.send, {
    label: trans.__('Upload to Galaxy'),
    icon: galaxyIcon,
    execute: async () => {
      if (!actions.model.history) {
        await actions.model.start();
      }
      (app.shell as ILabShell).activateById(ID);
      await actions.sendSelected();
    }
  });
  app.contextMenu.addItem({ command: COMMANDS.send, selector: FILE, rank: 20 });
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@nebulab/lab-extension:galaxy',
  description: 'The Galaxy panel: histories, datasets, previews, downloads and uploads.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IDefaultFileBrowser, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    browser: IDefaultFileBrowser | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nebulab');
    const model = new Model(new Client(app.serviceManager.serverSettings));
    const actions = new Actions(app, model, trans, notebooks, browser);
    const place = new Place(actions, new Watching(model));
    addCommands(actions);
    app.shell.add(place, 'left', { rank: 150 });
    restorer?.add(place, ID);
    app.serviceManager.events.stream.connect((_, event) => {
      if (event.schema_id === EVENT) {
        model.told(event as { what?: unknown });
      }
    });
  }
};

export default plugin;
