/** The pipeline editor: its file type, its document, and where a new one is begun. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentWidget } from '@jupyterlab/docregistry';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { LabIcon } from '@jupyterlab/ui-components';

import { PipelineClient } from './client';
import { Controller } from './controller';
import { PipelineFactory, type PipelinePanel } from './document';
import { emptyFlow } from './flow';

const NAME = '@nebulab/lab-extension';
const TYPE = 'nebulab-pipeline';
const NEW = `${NAME}:new-pipeline`;

const pipelineIcon = new LabIcon({
  name: `${NAME}:pipeline`,
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16"><g class="jp-icon3 jp-icon-selectable" fill="#616161">
<path d="M8 11h3.2V7.5A2.5 2.5 0 0 1 13.7 5H16v2h-2.3a.5.5 0 0 0-.5.5v9a.5.5 0 0 0 .5.5H16v2h-2.3a2.5 2.5 0 0 1-2.5-2.5V13H8z"/>
<rect x="2" y="9" width="7" height="6" rx="1"/><rect x="15" y="3" width="7" height="6" rx="1"/>
<rect x="15" y="15" width="7" height="6" rx="1"/></g></svg>`
});

const plugin: JupyterFrontEndPlugin<void> = {
  id: `${NAME}:pipelines`,
  description: 'Draws pipelines of notebooks, and runs them here or on Galaxy.',
  autoStart: true,
  requires: [IDocumentManager],
  optional: [ILauncher, IMainMenu, IDefaultFileBrowser, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    documents: IDocumentManager,
    launcher: ILauncher | null,
    mainMenu: IMainMenu | null,
    browser: IDefaultFileBrowser | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('nebulab');
    app.docRegistry.addFileType({
      name: TYPE,
      displayName: trans.__('Pipeline'),
      extensions: ['.pipeline'],
      mimeTypes: ['application/x-elyra-pipeline+json'],
      contentType: 'file',
      fileFormat: 'text',
      icon: pipelineIcon
    });
    const client = new PipelineClient(app.serviceManager.serverSettings);
    const factory = new PipelineFactory(
      { name: 'Pipeline Editor', label: trans.__('Pipeline Editor'), fileTypes: [TYPE], defaultFor: [TYPE] },
      context => new Controller(context, client, documents, trans)
    );
    const tracker = new WidgetTracker<DocumentWidget<PipelinePanel>>({ namespace: 'nebulab-pipelines' });
    factory.widgetCreated.connect((_, widget) => {
      widget.title.icon = pipelineIcon;
      widget.context.pathChanged.connect(() => void tracker.save(widget));
      void tracker.add(widget);
    });
    app.docRegistry.addWidgetFactory(factory);
    void restorer?.restore(tracker, {
      command: 'docmanager:open',
      args: widget => ({ path: widget.context.path, factory: 'Pipeline Editor' }),
      name: widget => widget.context.path
    });

    app.commands.addCommand(NEW, {
      label: args => (args.isPalette || args.isLauncher ? trans.__('Pipeline Editor') : trans.__('Pipeline')),
      caption: trans.__('Draw a new pipeline of notebooks and scripts'),
      icon: pipelineIcon,
      execute: async args => {
        const cwd = (args.cwd as string) || browser?.model.path || '';
        const made = await documents.newUntitled({ path: cwd, type: 'file', ext: '.pipeline' });
        await app.serviceManager.contents.save(made.path, {
          type: 'file',
          format: 'text',
          content: emptyFlow(PathExt.basename(made.path, '.pipeline'))
        });
        return documents.open(made.path, 'Pipeline Editor');
      }
    });
    launcher?.add({ command: NEW, category: trans.__('Other'), rank: 4, args: { isLauncher: true } });
    mainMenu?.fileMenu.newMenu.addGroup([{ command: NEW }], 40);
    for (const [name, act] of [
      ['undo', (one: Controller) => one.undo()],
      ['redo', (one: Controller) => one.redo()]
    ] as const) {
      const id = `${NAME}:pipeline-${name}`;
      app.commands.addCommand(id, {
        label: name === 'undo' ? trans.__('Undo in the Pipeline') : trans.__('Redo in the Pipeline'),
        isEnabled: () => tracker.currentWidget !== null && tracker.currentWidget === app.shell.currentWidget,
        execute: () => tracker.currentWidget && act(tracker.currentWidget.content.controller)
      });
      mainMenu?.editMenu.undoers[name].add({ id, isEnabled: widget => tracker.has(widget) });
    }
  }
};

export default plugin;
