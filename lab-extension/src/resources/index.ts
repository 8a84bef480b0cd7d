/** What the session uses of what it may take: figures in the status bar, and the tab Resources with its last hour. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { INotices } from '../session';
import type { Notices } from '../session/notices';
import { resourcesIcon } from './icon';
import { Source } from './source';
import { StatusFigures } from './status_bar';

export const OPEN_RESOURCES = '@nebulab/lab-extension:resources';

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@nebulab/lab-extension:resources',
  description: 'Shows what the session uses: in the status bar, and its last hour in a tab.',
  autoStart: true,
  requires: [INotices, INotebookTracker],
  optional: [IStatusBar, ILauncher, ICommandPalette, IMainMenu, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    notices: Notices,
    tracker: INotebookTracker,
    statusBar: IStatusBar | null,
    launcher: ILauncher | null,
    palette: ICommandPalette | null,
    mainMenu: IMainMenu | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nebulab');
    const isBusy = (): boolean =>
      tracker.find(panel => panel.sessionContext.session?.kernel?.status === 'busy') !== undefined;
    const source = new Source(app.serviceManager.serverSettings, isBusy);
    notices.changed.connect((_, status) => {
      if (status.resources) {
        source.take(status.resources);
      }
    });
    const open = new WidgetTracker<MainAreaWidget>({ namespace: 'nebulab-resources' });
    app.commands.addCommand(OPEN_RESOURCES, {
      label: trans.__('Resources'),
      caption: trans.__('What this session uses of its memory, processors, GPUs and disk, and its last hour'),
      icon: resourcesIcon,
      execute: async () => {
        if (!open.currentWidget) {
          const { Dashboard } = await import('./dashboard');
          const content = new Dashboard(source, app, trans);
          const widget = new MainAreaWidget({ content });
          widget.id = 'nebulab-resources';
          widget.toolbar.hide();
          widget.title.label = trans.__('Resources');
          widget.title.icon = resourcesIcon;
          widget.title.closable = true;
          app.shell.add(widget, 'main');
          await open.add(widget);
        }
        app.shell.activateById((open.currentWidget as MainAreaWidget).id);
      }
    });
    void restorer?.restore(open, { command: OPEN_RESOURCES, name: () => 'resources' });
    launcher?.add({ command: OPEN_RESOURCES, category: trans.__('Other'), rank: 1 });
    palette?.addItem({ command: OPEN_RESOURCES, category: trans.__('Session') });
    mainMenu?.viewMenu.addGroup([{ command: OPEN_RESOURCES }], 50);
    statusBar?.registerStatusItem('@nebulab/lab-extension:figures', {
      item: new StatusFigures(source, () => void app.commands.execute(OPEN_RESOURCES), trans),
      align: 'left',
      rank: 50
    });
  }
};

export default plugin;
