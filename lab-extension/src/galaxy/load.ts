/** The code that loads a dataset, into the notebook that is in front, or into a new one. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { NotebookActions, type INotebookTracker, type Notebook, type NotebookPanel } from '@jupyterlab/notebook';
import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';

/** As JupyterLab's notebook names the cells that are dropped on it. */
const CELLS = 'application/vnd.jupyter.cells';
const FAR_ENOUGH = 5;

/** Put code into a new cell below the active one; an empty active cell takes it. */
export async function insert(app: JupyterFrontEnd, tracker: INotebookTracker, codes: string[]): Promise<void> {
  const panel = tracker.currentWidget ?? (await newNotebook(app));
  await panel.revealed;
  await panel.context.ready;
  const notebook = panel.content;
  for (const code of codes) {
    const active = notebook.activeCell?.model;
    if (!active || active.type !== 'code' || active.sharedModel.getSource().trim()) {
      NotebookActions.insertBelow(notebook);
    }
    notebook.activeCell?.model.sharedModel.setSource(code);
  }
  app.shell.activateById(panel.id);
  await NotebookActions.focusActiveCell(notebook);
}

async function newNotebook(app: JupyterFrontEnd): Promise<NotebookPanel> {
  return (await app.commands.execute('notebook:create-new', { kernelName: 'python3' })) as NotebookPanel;
}

/** Begin to drag cells with these codes, once the mouse was moved far enough; a notebook takes them where they drop. */
export function dragOnceMoved(
  event: MouseEvent,
  label: string,
  codes: () => string[],
  notebooks: INotebookTracker
): void {
  const from = { x: event.clientX, y: event.clientY };
  const moved = (now: MouseEvent) => {
    if (Math.hypot(now.clientX - from.x, now.clientY - from.y) < FAR_ENOUGH) {
      return;
    }
    over();
    const cells = codes();
    if (cells.length) {
      begin(now, label, cells, notebooks);
    }
  };
  const over = () => {
    document.removeEventListener('mousemove', moved, true);
    document.removeEventListener('mouseup', over, true);
  };
  document.addEventListener('mousemove', moved, true);
  document.addEventListener('mouseup', over, true);
}

function begin(event: MouseEvent, label: string, codes: string[], notebooks: INotebookTracker): void {
  const mimeData = new MimeData();
  const cells = codes.map(source => ({ cell_type: 'code', source, metadata: {}, outputs: [], execution_count: null }));
  mimeData.setData(CELLS, cells);
  mimeData.setData('text/plain', codes.join('\n\n'));
  const dragImage = document.createElement('div');
  dragImage.className = 'nebulab-galaxy-drag';
  dragImage.textContent = label;
  const drag = new Drag({ mimeData, dragImage, supportedActions: 'copy', proposedAction: 'copy' });
  void drag.start(event.clientX, event.clientY).then(action => {
    if (action === 'copy') {
      notebooks.forEach(panel => chooseDropped(panel.content, codes[0]));
    }
  });
}

/** JupyterLab selects the cell above what was dropped too, and the next Shift+Enter would run that one. */
function chooseDropped(notebook: Notebook, source: string): void {
  const dropped = notebook.widgets
    .filter(cell => notebook.isSelectedOrActive(cell) && cell.model.sharedModel.getSource() === source)
    .pop();
  if (dropped) {
    notebook.deselectAll();
    notebook.activeCellIndex = notebook.widgets.indexOf(dropped);
  }
}
