/**
 * The page's part of a Galaxy session: documents saved as they change, a warning before an idle session ends, its
 * messages, the time that is left, and its end.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { IEditorTracker } from '@jupyterlab/fileeditor';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';

import { Session } from './client';
import { Ending, shutDown } from './ending';
import { Notices } from './notices';
import { explainDeaths, poll } from './polling';
import { oneAtATime, Saving } from './saving';
import { addTimeLeft } from './time_left';

const NAME = '@nebulab/lab-extension';
/** As nebulab.session.lab.tabs names the event by which every tab is asked to save. */
const SAVE_EVENT = 'urn:nebulab:save';

/** The session's notices and its status, for the other plugins of this page. */
export const INotices = new Token<Notices>(`${NAME}:INotices`, 'The status and the messages of a Galaxy session.');

/** What follows the page's documents needs. */
interface IParts {
  app: JupyterFrontEnd;
  saving: Saving;
  session: Session;
  ending: Ending;
  tracker: INotebookTracker;
  editors: IEditorTracker | null;
}

/** Save notebooks and texts as they change, a notebook when a cell has run, everything when the session asks for it. */
function save({ app, saving, session, ending, tracker, editors }: IParts): void {
  for (const open of [tracker, editors]) {
    open?.forEach((widget: IDocumentWidget) => saving.follow(widget));
    open?.widgetAdded.connect((_: unknown, widget: IDocumentWidget) => saving.follow(widget));
  }
  NotebookActions.executed.connect((_, { notebook }) => {
    const panel = tracker.find(one => one.content === notebook);
    if (panel) {
      saving.soon(panel.context);
    }
  });
  app.serviceManager.events.stream.connect((_, event) => void answerSave(event));

  async function answerSave(event: { schema_id: string; [field: string]: unknown }): Promise<void> {
    if (event.schema_id !== SAVE_EVENT || ending.isOver) {
      return;
    }
    const unsaved = await saving.all();
    const answered = session.saved(event.request as string, unsaved).catch(() => undefined);
    if (event.ending) {
      await answered;
      ending.tell(unsaved);
    }
  }

  // Not awaited at the end, once it is closed.
  window.addEventListener('pagehide', () => void session.saved(undefined, 0).catch(() => undefined));
}

const plugin: JupyterFrontEndPlugin<Notices> = {
  id: `${NAME}:session`,
  description: 'Saves documents, warns before an idle session ends, shows its messages and its end.',
  autoStart: true,
  provides: INotices,
  requires: [IDocumentManager, INotebookTracker],
  optional: [IStatusBar, IMainMenu, IEditorTracker, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    docManager: IDocumentManager,
    tracker: INotebookTracker,
    statusBar: IStatusBar | null,
    mainMenu: IMainMenu | null,
    editors: IEditorTracker | null,
    translator: ITranslator | null
  ): Notices => {
    const trans = (translator ?? nullTranslator).load('nebulab');
    const session = new Session(app.serviceManager.serverSettings);
    const notices = new Notices(session, trans);
    const ending = new Ending(app.serviceManager, trans);
    oneAtATime();
    save({ app, saving: new Saving(docManager, app.shell), session, ending, tracker, editors });
    app.commands.addCommand(`${NAME}:end`, {
      label: trans.__('Shut Down…'),
      caption: trans.__('Save everything and end this session'),
      execute: () => shutDown(session, notices, ending, trans)
    });
    mainMenu?.fileMenu.addGroup([{ command: `${NAME}:end` }], 1000);
    void app.restored.then(() => {
      if (statusBar) {
        addTimeLeft(statusBar, notices, trans);
      }
      explainDeaths(poll(session, notices, ending), tracker);
    });
    return notices;
  }
};

export default plugin;
