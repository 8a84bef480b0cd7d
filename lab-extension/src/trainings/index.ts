/** "Run on the cluster", by a form, and the panel of the history's trainings. */
import { ILabShell, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  MainAreaWidget,
  Notification,
  showDialog,
  showErrorMessage,
  ToolbarButton
} from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { FileDialog, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { LabIcon } from '@jupyterlab/ui-components';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { Panel, type Widget } from '@lumino/widgets';

import { Client, type ISend, type ITraining } from './client';
import type { IActions } from './detail';
import type { IFormActions } from './form';
import { inWords, Trainings } from './model';
import { modelCode } from './words';

const NAME = '@nebulab/lab-extension';
const RUN = 'nebulab:run-on-cluster';
const SHOW = 'nebulab:show-trainings';
/** The Galaxy panel's command; without it what is opened is downloaded first. */
const PREVIEW = 'nebulab:preview';
const PROGRAMS = ['notebook', 'python', 'r', 'julia'];
const SUFFIXES = ['.ipynb', '.py', '.r', '.jl'];
/** Not while the page starts. */
const FIRST_LOOK_MILLISECONDS = 10000;

const icon = new LabIcon({
  name: 'nebulab:trainings',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M19.4 10A7.5 7.5 0 0 0 5.1 8 6 6 0 0 0 6 20h13a5 5 0 0 0 .4-10zM10 17v-8l6 4z"/></svg>'
});

/** Everything that the plugin's parts need. */
interface IParts {
  app: JupyterFrontEnd;
  documents: IDocumentManager;
  notebooks: INotebookTracker;
  client: Client;
  model: Trainings;
  trans: TranslationBundle;
}

/** The side bar's panel: what draws it is loaded when it is shown first. */
class TrainingsPanel extends Panel {
  constructor(
    private readonly _model: Trainings,
    private readonly _make: () => Promise<Widget>,
    trans: TranslationBundle
  ) {
    super();
    this.id = 'nebulab-trainings';
    this.addClass('nebulab-Trainings');
    this.title.icon = icon;
    this.title.caption = trans.__('Trainings: what runs on the cluster');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Trainings'));
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    if (!this._made) {
      this._made = true;
      void this._make().then(widget => this.addWidget(widget));
    }
    this._model.show(true);
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._model.show(false);
  }

  private _made = false;
}

function actionsOf(parts: IParts, openTab: (id: string, title: string, widget: Widget) => void): IActions {
  const { app, documents, notebooks, client, model, trans } = parts;
  const guarded = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      Notification.error(inWords(error), { autoClose: false });
    }
  };
  return {
    cancel: (id, name, confirm) =>
      guarded(async () => {
        if (confirm) {
          const answer = await showDialog({
            title: trans.__('Cancel this training?'),
            body: trans.__('%1 ends now, and what it has made so far is discarded.', name),
            buttons: [
              Dialog.cancelButton({ label: trans.__('Let it run') }),
              Dialog.warnButton({ label: trans.__('Cancel the training') })
            ],
            defaultButton: 0
          });
          if (!answer.button.accept) {
            return;
          }
        }
        await model.cancel(id);
      }),
    run: () => {
      const path = notebooks.currentWidget?.context.path;
      if (path) {
        void app.commands.execute(RUN, { path });
      } else {
        Notification.info(trans.__('Open a notebook first; a script is sent by its menu in the file browser.'), {
          autoClose: 10000
        });
      }
    },
    compare: ids =>
      void guarded(async () => {
        const { Comparison } = await import('./compare');
        openTab(
          `nebulab-comparison-${ids.join('-')}`,
          trans.__('Trainings compared'),
          new Comparison(client, ids, trans)
        );
      }),
    openCard: (id, name) =>
      void guarded(async () => {
        const [card, { CardView }] = await Promise.all([client.card(id), import('./card')]);
        openTab(`nebulab-card-${id}`, trans.__('Model %1', name), new CardView(card, trans));
      }),
    insertModel: (id, training, name) => guarded(() => insert(parts, modelCode(id, training, name))),
    openDataset: (id, name, training) =>
      guarded(async () => {
        if (app.commands.hasCommand(PREVIEW)) {
          await app.commands.execute(PREVIEW, { id });
          return;
        }
        documents.openOrReveal(await client.fetch(id, name, training));
      }),
    download: (id, name, training) =>
      guarded(async () => {
        const path = await client.fetch(id, name, training);
        Notification.success(trans.__('Downloaded to %1', path), {
          autoClose: 10000,
          actions: [{ label: trans.__('Open'), callback: () => void documents.openOrReveal(path) }]
        });
      })
  };
}

/** Put code into a new cell below the current one, or onto the clipboard where no notebook is open. */
async function insert({ app, notebooks, trans }: IParts, code: string): Promise<void> {
  const panel = notebooks.currentWidget;
  if (!panel) {
    await navigator.clipboard.writeText(code);
    Notification.info(trans.__('No notebook is open: the code is on the clipboard.'), { autoClose: 10000 });
    return;
  }
  app.shell.activateById(panel.id);
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(code);
  panel.content.mode = 'edit';
}

/** Save a program, have it described, and open its form. */
async function openForm(
  parts: IParts,
  path: string,
  openTab: (id: string, title: string, widget: Widget) => MainAreaWidget,
  sent: (send: ISend) => void
): Promise<void> {
  const { client, trans } = parts;
  try {
    await saveOpen(parts, path);
    const [description, { RunForm }] = await Promise.all([client.describe(path), import('./form')]);
    let tab: MainAreaWidget | null = null;
    const actions: IFormActions = {
      pick: folder => pick(parts, folder),
      save: file => saveOpen(parts, file),
      sent,
      close: () => tab?.dispose()
    };
    const id = `nebulab-run-${path}`;
    const form = new RunForm({ description, client, actions, trans });
    tab = openTab(id, trans.__('Run %1', description.name), form);
  } catch (error) {
    await showErrorMessage(trans.__('%1 can’t be sent', PathExt.basename(path)), inWords(error));
  }
}

async function saveOpen({ documents }: IParts, path: string): Promise<void> {
  const context = documents.findWidget(path)?.context;
  if (context?.model.dirty) {
    await context.save();
  }
}

async function pick({ documents, trans }: IParts, folder: string): Promise<{ path: string; size: number }[] | string> {
  const answer = await FileDialog.getOpenFiles({
    manager: documents,
    title: trans.__('Files that the program reads'),
    defaultPath: folder || '/',
    root: folder || undefined
  });
  const picked = (answer.button.accept ? answer.value : null)?.filter(each => each.type !== 'directory') ?? [];
  const below = folder ? `${folder}/` : '';
  const outside = picked.find(each => !each.path.startsWith(below));
  if (outside) {
    return trans.__('%1 lies outside of the notebook’s folder, where a job could not find it.', outside.path);
  }
  return picked.map(each => ({ path: each.path.slice(below.length), size: each.size ?? 0 }));
}

/** Tell the ends of trainings, each with a button to what it made. */
function tellEnds(model: Trainings, show: (id: string) => void, trans: TranslationBundle): void {
  model.ended.connect((_, ended: ITraining[]) => {
    for (const one of ended.filter(each => each.state !== 'cancelled')) {
      const isDone = one.state === 'done';
      const text = isDone
        ? trans.__('%1 is done on the cluster.', one.name)
        : trans.__('%1 failed on the cluster.', one.name);
      Notification[isDone ? 'success' : 'error'](text, {
        // Of a pipeline there are several at once; the panel keeps them all.
        autoClose: isDone ? 20000 : false,
        actions: [
          {
            label: isDone ? trans.__('Show its results') : trans.__('Show why'),
            displayType: 'accent',
            callback: () => show(one.id)
          }
        ]
      });
    }
  });
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:trainings`,
  description: 'Sends notebooks and scripts to the cluster by a form, and shows what runs there.',
  autoStart: true,
  requires: [IDocumentManager, INotebookTracker],
  optional: [IFileBrowserFactory, ILabShell, IMainMenu, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    documents: IDocumentManager,
    notebooks: INotebookTracker,
    files: IFileBrowserFactory | null,
    labShell: ILabShell | null,
    mainMenu: IMainMenu | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nebulab');
    const client = new Client(app.serviceManager.serverSettings);
    const model = new Trainings(client);
    const parts: IParts = { app, documents, notebooks, client, model, trans };

    const openTab = (id: string, title: string, content: Widget): MainAreaWidget => {
      const known = [...app.shell.widgets('main')].find(each => each.id === id);
      known?.dispose();
      const tab = new MainAreaWidget({ content });
      tab.toolbar.hide();
      tab.id = id;
      tab.title.label = title;
      tab.title.icon = icon;
      tab.title.closable = true;
      app.shell.add(tab, 'main');
      app.shell.activateById(id);
      return tab;
    };
    const panel = new TrainingsPanel(
      model,
      async () => {
        const { TrainingsList } = await import('./panel');
        return new TrainingsList(model, actionsOf(parts, openTab), trans);
      },
      trans
    );
    app.shell.add(panel, 'right', { rank: 50, type: 'Trainings' });
    const show = (id = ''): void => {
      labShell?.expandRight();
      app.shell.activateById(panel.id);
      if (id) {
        model.open(id);
      }
    };

    const selected = (): string => files?.tracker.currentWidget?.selectedItems().next().value?.path ?? '';
    const wanted = (args: { path?: unknown; selected?: unknown }): string =>
      String(args.path ?? (args.selected ? selected() : notebooks.currentWidget?.context.path) ?? '');
    app.commands.addCommand(RUN, {
      label: args => (args.selected ? trans.__('Run on the Cluster…') : trans.__('Run This Notebook on the Cluster…')),
      caption: trans.__('Run it from its first cell to its last as a job of Galaxy'),
      icon,
      isEnabled: args => SUFFIXES.includes(PathExt.extname(wanted(args)).toLowerCase()),
      execute: args =>
        openForm(parts, wanted(args), openTab, send => {
          show(send.id);
        })
    });
    app.commands.addCommand(SHOW, {
      label: trans.__('Show Trainings'),
      caption: trans.__('What runs on the cluster, and what came of it'),
      icon,
      execute: args => show(String(args.id ?? ''))
    });
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew: (notebook: NotebookPanel): IDisposable => {
        const button = new ToolbarButton({
          icon,
          label: trans.__('Run on the cluster'),
          tooltip: trans.__('Run this notebook as a job of Galaxy: it goes on when the page is closed'),
          onClick: () => void app.commands.execute(RUN, { path: notebook.context.path })
        });
        button.addClass('nebulab-RunButton');
        // At the end: where the toolbar is too narrow, what stands last goes into its menu first.
        notebook.toolbar.addItem('nebulab-run', button);
        return new DisposableDelegate(() => button.dispose());
      }
    });
    for (const kind of PROGRAMS) {
      const selector = `.jp-DirListing-item[data-file-type="${kind}"]`;
      app.contextMenu.addItem({ command: RUN, args: { selected: true }, selector, rank: 3.5 });
    }
    mainMenu?.runMenu.addGroup([{ command: RUN }, { command: SHOW }], 900);
    for (const command of [RUN, SHOW]) {
      palette?.addItem({ command, category: trans.__('Notebook Operations') });
    }
    tellEnds(model, show, trans);
    void app.restored.then(() => setTimeout(() => void model.look(), FIRST_LOOK_MILLISECONDS));
  }
};

export default plugin;
