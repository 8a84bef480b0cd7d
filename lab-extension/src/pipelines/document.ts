/** A pipeline as a document of JupyterLab: saved, reverted and undone as others are. The drawing is loaded when one is
 * opened. */
import { ToolbarButton } from '@jupyterlab/apputils';
import { ABCWidgetFactory, DocumentRegistry, DocumentWidget } from '@jupyterlab/docregistry';
import {
  addIcon,
  redoIcon,
  runIcon,
  saveIcon,
  shareIcon,
  stopIcon,
  Toolbar,
  undoIcon
} from '@jupyterlab/ui-components';
import type { Drag } from '@lumino/dragdrop';
import type { Message } from '@lumino/messaging';
import { Panel } from '@lumino/widgets';

import type { Controller } from './controller';

const PATHS = 'application/x-jupyter-icontents';

/** The drawing's place, which takes what is dragged from the file browser. */
export class PipelinePanel extends Panel {
  constructor(readonly controller: Controller) {
    super();
    this.addClass('nebulab-Pipeline');
  }

  dispose(): void {
    this.controller.dispose();
    super.dispose();
  }

  handleEvent(event: Event): void {
    const drag = event as Drag.Event;
    if (!drag.mimeData?.hasData(PATHS)) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (event.type === 'lm-drop') {
      drag.dropAction = drag.proposedAction;
      this._drop?.(drag.mimeData.getData(PATHS) as string[], drag.clientX, drag.clientY);
    } else {
      // What the file browser offers, which is a move; the file stays where it is.
      drag.dropAction = drag.proposedAction;
      this.toggleClass('nebulab-mod-over', event.type !== 'lm-dragleave');
    }
    if (event.type === 'lm-drop' || event.type === 'lm-dragleave') {
      this.removeClass('nebulab-mod-over');
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    for (const name of ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop']) {
      this.node.addEventListener(name, this, true);
    }
    if (!this._loaded) {
      this._loaded = true;
      void Promise.all([import('./editor'), this.controller.context.ready]).then(([{ EditorWidget }]) => {
        if (!this.isDisposed) {
          const editor = new EditorWidget(this.controller);
          this._drop = (paths, x, y) => editor.drop(paths, x, y);
          this.addWidget(editor);
        }
      });
    }
  }

  protected onBeforeDetach(message: Message): void {
    for (const name of ['lm-dragenter', 'lm-dragover', 'lm-dragleave', 'lm-drop']) {
      this.node.removeEventListener(name, this, true);
    }
    super.onBeforeDetach(message);
  }

  private _loaded = false;
  private _drop: ((paths: string[], x: number, y: number) => void) | null = null;
}

type Context = DocumentRegistry.IContext<DocumentRegistry.ICodeModel>;

export class PipelineFactory extends ABCWidgetFactory<DocumentWidget<PipelinePanel>, DocumentRegistry.ICodeModel> {
  constructor(
    options: DocumentRegistry.IWidgetFactoryOptions<DocumentWidget<PipelinePanel>>,
    private readonly _controller: (context: Context) => Controller
  ) {
    super(options);
  }

  protected createNewWidget(context: Context): DocumentWidget<PipelinePanel> {
    const controller = this._controller(context);
    const widget = new DocumentWidget({ content: new PipelinePanel(controller), context });
    addButtons(widget.toolbar, controller);
    return widget;
  }
}

function addButtons(toolbar: Toolbar, controller: Controller): void {
  const { trans } = controller;
  const button = (name: string, options: ConstructorParameters<typeof ToolbarButton>[0]): ToolbarButton => {
    const made = new ToolbarButton(options);
    toolbar.addItem(name, made);
    return made;
  };
  button('save', {
    icon: saveIcon,
    tooltip: trans.__('Save the pipeline'),
    onClick: () => void controller.context.save()
  });
  button('add', {
    icon: addIcon,
    label: trans.__('Add file…'),
    tooltip: trans.__('Add notebooks and scripts; or drag them from the file browser'),
    onClick: () => void controller.choose()
  });
  button('undo', { icon: undoIcon, tooltip: trans.__('Undo'), onClick: () => controller.undo() });
  button('redo', { icon: redoIcon, tooltip: trans.__('Redo'), onClick: () => controller.redo() });
  toolbar.addItem('spacer', Toolbar.createSpacerItem());
  const here = button('run', {
    icon: runIcon,
    label: trans.__('Run here'),
    tooltip: trans.__('Save, and run each node in this session'),
    onClick: () => void controller.start('here')
  });
  const galaxy = button('galaxy', {
    icon: shareIcon,
    label: trans.__('Run on Galaxy'),
    tooltip: trans.__('Save, and run as a workflow of jobs in Galaxy'),
    onClick: () => void controller.start('galaxy')
  });
  const stop = button('stop', {
    icon: stopIcon,
    label: trans.__('Stop'),
    tooltip: trans.__('Stop the nodes that run'),
    onClick: () => void controller.stop()
  });
  const show = (): void => {
    const can =
      !!controller.flow && !controller.isRunning && !controller.problems.some(one => one.severity === 'error');
    here.enabled = can;
    galaxy.enabled = can;
    stop.enabled = controller.isRunning;
  };
  controller.changed.connect(show);
  show();
}
