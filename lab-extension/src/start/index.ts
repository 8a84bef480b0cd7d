/** The page Welcome, in place of the launcher at a session's first start: inputs, limits, GPU, examples, news. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { ask } from '../server';
import { INotices } from '../session';
import type { Notices } from '../session/notices';
import { welcomeIcon } from './icon';

const OPEN_WELCOME = '@nebulab/lab-extension:welcome';
/** As long as the first notebook may take until it lies in front, where Welcome then goes. */
const FIRST_PAGE_MILLISECONDS = 10000;
const LOOK_MILLISECONDS = 100;

/** Whether this page is the session's first one, and the document that opens with it. */
interface IFirst {
  open: boolean;
  page: string;
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@nebulab/lab-extension:start',
  description: 'The page Welcome: the inputs, limits and examples of a session.',
  autoStart: true,
  requires: [INotices, IDocumentManager],
  optional: [IDefaultFileBrowser, ILauncher, ICommandPalette, IMainMenu, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notices: Notices,
    documents: IDocumentManager,
    files: IDefaultFileBrowser | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    mainMenu: IMainMenu | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nebulab');
    const open = new WidgetTracker<MainAreaWidget>({ namespace: 'nebulab-welcome' });
    app.commands.addCommand(OPEN_WELCOME, {
      label: trans.__('Welcome'),
      caption: trans.__('Your inputs, what this session may use, examples, and what is new'),
      icon: welcomeIcon,
      execute: async () => {
        if (!open.currentWidget) {
          const { Welcome } = await import('./welcome');
          const widget = new MainAreaWidget({ content: new Welcome({ app, files, notices, trans }) });
          widget.id = 'nebulab-welcome';
          widget.toolbar.hide();
          widget.title.label = trans.__('Welcome');
          widget.title.icon = welcomeIcon;
          widget.title.closable = true;
          app.shell.add(widget, 'main', { mode: 'tab-before' });
          await open.add(widget);
        }
        app.shell.activateById((open.currentWidget as MainAreaWidget).id);
      }
    });
    void restorer?.restore(open, { command: OPEN_WELCOME, name: () => 'welcome' });
    launcher?.add({ command: OPEN_WELCOME, category: trans.__('Other'), rank: 2 });
    palette?.addItem({ command: OPEN_WELCOME, category: trans.__('Session') });
    mainMenu?.helpMenu.addGroup([{ command: OPEN_WELCOME }], 0);

    const settings = app.serviceManager.serverSettings;
    const first = ask<IFirst>(settings, 'welcome/first', { method: 'GET' });
    void app.restored.then(async () => {
      try {
        const told = await first;
        if (told?.open) {
          await inFront(app, documents, told.page);
          // Not before: a page that was closed meanwhile has shown it to nobody.
          await ask(settings, 'welcome/first', { method: 'POST', body: '{}' });
        }
      } catch {
        // the page is there without it, and the menu Help has it
      }
    });
  }
};

/** Open Welcome, once the first notebook has opened and would lie before it. */
async function inFront(app: JupyterFrontEnd, documents: IDocumentManager, page: string): Promise<void> {
  const end = Date.now() + FIRST_PAGE_MILLISECONDS;
  const isShown = (): boolean => documents.findWidget(page)?.isVisible ?? false;
  while (page && !isShown() && Date.now() < end) {
    await new Promise(resolve => setTimeout(resolve, LOOK_MILLISECONDS));
  }
  await app.commands.execute(OPEN_WELCOME);
  // JupyterLab opens it where nothing else is.
  for (const widget of [...app.shell.widgets('main')]) {
    if (widget.id.startsWith('launcher')) {
      widget.dispose();
    }
  }
}

export default plugin;
