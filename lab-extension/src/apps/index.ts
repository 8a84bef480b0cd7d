/** A notebook opened as an app, by Voila, and saved as a page of HTML. */
import { type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  IFrame,
  MainAreaWidget,
  Notification,
  showDialog,
  ToolbarButton,
  WidgetTracker
} from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { launchIcon, refreshIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

import { ask } from '../server';
import { page, sentence } from './page';

const OPEN = 'nebulab:open-as-app';
const OPEN_IN_BROWSER = 'nebulab:open-as-app-in-browser';
const SAVE_PAGE = 'nebulab:save-as-page';
const OF_NOTEBOOKS = '.jp-DirListing-item[data-file-type="notebook"]';
const RANK = 3.5;

/** Return the path of the notebook that a command is for: the file browser's selected one, or the one in front. */
function chosen(
  args: { path?: unknown },
  browser: IFileBrowserFactory | null,
  tracker: INotebookTracker
): string | null {
  if (typeof args.path === 'string') {
    return args.path;
  }
  if (args.path === null) {
    const item = browser?.tracker.currentWidget?.selectedItems().next().value;
    return item?.type === 'notebook' ? item.path : null;
  }
  return tracker.currentWidget?.context.path ?? null;
}

/** Save the notebook if it is open and changed, so that what runs is what is seen. */
async function saved(path: string, tracker: INotebookTracker): Promise<void> {
  const panel = tracker.find(one => one.context.path === path);
  if (panel?.context.model.dirty) {
    await panel.context.save();
  }
}

/** A tab of JupyterLab that shows an app, with a button that runs it from the start. */
function tab(address: string, name: string, trans: TranslationBundle): MainAreaWidget<IFrame> {
  const content = new IFrame({
    sandbox: ['allow-same-origin', 'allow-scripts', 'allow-downloads', 'allow-popups', 'allow-forms', 'allow-modals']
  });
  content.url = address;
  content.addClass('nebulab-App');
  const widget = new MainAreaWidget({ content });
  widget.title.label = name;
  widget.title.caption = trans.__('%1 as an app', name);
  widget.title.icon = launchIcon;
  widget.title.closable = true;
  widget.content.node.querySelector('iframe')?.setAttribute('title', widget.title.caption);
  const again = new ToolbarButton({
    icon: refreshIcon,
    label: trans.__('Run again'),
    tooltip: trans.__('Run the notebook again, from its first cell'),
    onClick: () => {
      content.url = address;
    }
  });
  const whole = new ToolbarButton({
    icon: launchIcon,
    label: trans.__('In a tab of the browser'),
    tooltip: trans.__('Show the app alone, in a tab of the browser'),
    onClick: () => {
      window.open(address, '_blank', 'noopener');
    }
  });
  widget.toolbar.addItem('again', again);
  widget.toolbar.addItem('whole', whole);
  return widget;
}

async function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  browser: IFileBrowserFactory | null,
  palette: ICommandPalette | null,
  translator: ITranslator | null
): Promise<void> {
  const trans = (translator ?? nullTranslator).load('nebulab');
  const { commands, serviceManager, shell } = app;
  const settings = serviceManager.serverSettings;
  const apps = new WidgetTracker<MainAreaWidget<IFrame>>({ namespace: 'nebulab-apps' });

  /** Ask the server for the app's address, which it then runs; what goes wrong is told. */
  const address = async (path: string): Promise<string | null> => {
    try {
      await saved(path, tracker);
      const init = { method: 'POST', body: JSON.stringify({ path }), headers: { 'Content-Type': 'application/json' } };
      return (await ask<{ address: string }>(settings, 'apps/open', init))?.address ?? null;
    } catch (error) {
      Notification.error(trans.__('The app can’t be opened: %1', sentence(error)));
      return null;
    }
  };
  const isEnabled = (args: { path?: unknown }) => chosen(args, browser, tracker) !== null;

  commands.addCommand(OPEN, {
    label: trans.__('Open as App'),
    caption: trans.__('Run the notebook and show what it makes, without its code'),
    icon: launchIcon,
    isEnabled,
    execute: async args => {
      const path = chosen(args, browser, tracker);
      const found = path && (await address(path));
      if (!path || !found) {
        return;
      }
      const open = apps.find(one => one.content.url === found);
      const widget = open ?? tab(found, PathExt.basename(path, '.ipynb'), trans);
      if (!open) {
        await apps.add(widget);
        shell.add(widget, 'main', { mode: 'split-right' });
      }
      shell.activateById(widget.id);
    }
  });
  commands.addCommand(OPEN_IN_BROWSER, {
    label: trans.__('Open as App in a Tab of the Browser'),
    icon: launchIcon,
    isEnabled,
    execute: async args => {
      const path = chosen(args, browser, tracker);
      // Opened before anything is waited for: a browser blocks what opens later.
      const opened = path ? window.open('', '_blank') : null;
      const found = path && (await address(path));
      if (opened && found) {
        opened.opener = null;
        opened.location.replace(found);
      } else {
        opened?.close();
      }
    }
  });
  commands.addCommand(SAVE_PAGE, {
    label: trans.__('Save as Page…'),
    caption: trans.__('Run the notebook and save what it shows as a page of HTML'),
    isEnabled,
    execute: async args => {
      const path = chosen(args, browser, tracker);
      if (!path) {
        return;
      }
      const answer = await showDialog({
        title: trans.__('Save %1 as a page?', PathExt.basename(path)),
        body: trans.__(
          'The notebook runs once more, from its first cell to its last. What it shows becomes one file of HTML in outputs/, which comes into the history when the session ends, and now too if you want.'
        ),
        buttons: [
          Dialog.cancelButton({ label: trans.__('Cancel') }),
          Dialog.okButton({ label: trans.__('Into outputs/'), actions: ['outputs'] }),
          Dialog.okButton({ label: trans.__('Into the history now'), actions: ['history'] })
        ],
        defaultButton: 1
      });
      if (answer.button.accept) {
        await saved(path, tracker);
        page(settings, path, answer.button.actions.includes('history'), trans);
      }
    }
  });

  app.docRegistry.addWidgetExtension('Notebook', {
    createNew: (panel: NotebookPanel) => {
      const button = new ToolbarButton({
        icon: launchIcon,
        // Without a label: the toolbar is narrow beside a panel, and what has no room goes into its menu.
        tooltip: trans.__('Open as app: run the notebook and show what it makes, without its code'),
        onClick: () => void commands.execute(OPEN, { path: panel.context.path })
      });
      panel.toolbar.insertBefore('kernelName', 'nebulab-app', button) ||
        panel.toolbar.addItem('nebulab-app', button as Widget);
      return button;
    }
  });
  for (const [place, command] of [OPEN, OPEN_IN_BROWSER, SAVE_PAGE].entries()) {
    app.contextMenu.addItem({ command, args: { path: null }, selector: OF_NOTEBOOKS, rank: RANK + place / 10 });
    palette?.addItem({ command, category: trans.__('Notebook Operations') });
  }
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: '@nebulab/lab-extension:apps',
  description: 'Notebooks as apps and as pages.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IFileBrowserFactory, ICommandPalette, ITranslator],
  activate
};

export default plugin;
