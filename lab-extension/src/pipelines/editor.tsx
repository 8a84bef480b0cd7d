/** The drawing of a pipeline, the list and the form of its nodes, its problems and its run. */
import { ReactWidget } from '@jupyterlab/apputils';
import { classes, notebookIcon, pythonIcon, rKernelIcon, textEditorIcon } from '@jupyterlab/ui-components';
import {
  Background,
  Controls,
  Edge,
  Handle,
  MarkerType,
  Node,
  NodeProps,
  Position,
  ReactFlow,
  ReactFlowInstance,
  applyNodeChanges
} from '@xyflow/react';
import '@xyflow/react/dist/style.css';
import * as React from 'react';

import type { IProblem, State } from './client';
import type { Controller } from './controller';
import type { INode, Kind } from './flow';
import { Form, PipelineForm } from './form';
import { stateWord } from './words';

interface IData extends Record<string, unknown> {
  label: string;
  kind: Kind;
  state: State | undefined;
  stateText: string;
  problem: IProblem['severity'] | undefined;
  problemText: string;
}
const MARGIN = 16;

type PipelineNode = Node<IData, 'file'>;

/** Not so small that nobody can read it: what has no room is scrolled to. */
const FIT = { minZoom: 0.6, maxZoom: 1, padding: 0.15 };

const ICONS = {
  notebook: notebookIcon,
  python: pythonIcon,
  r: rKernelIcon,
  group: textEditorIcon,
  other: textEditorIcon
};

export class EditorWidget extends ReactWidget {
  constructor(private readonly _controller: Controller) {
    super();
    this.addClass('nebulab-PipelineEditor');
  }

  /** Add what was dropped at a place of the window. */
  drop(paths: string[], x: number, y: number): void {
    const at = this._canvas?.screenToFlowPosition({ x, y });
    this._controller.add(paths, at && at.x - 80, at && at.y - 25);
  }

  protected render(): React.ReactElement {
    return <Editor controller={this._controller} ready={canvas => (this._canvas = canvas)} />;
  }

  private _canvas: ReactFlowInstance<PipelineNode> | null = null;
}

function useController(controller: Controller): number {
  const [version, setVersion] = React.useState(0);
  React.useEffect(() => {
    const show = (): void => setVersion(before => before + 1);
    controller.changed.connect(show);
    return () => {
      controller.changed.disconnect(show);
    };
  }, [controller]);
  return version;
}

function Editor(props: {
  controller: Controller;
  ready: (canvas: ReactFlowInstance<PipelineNode>) => void;
}): React.ReactElement {
  const { controller } = props;
  const { trans } = controller;
  useController(controller);
  const root = React.useRef<HTMLDivElement>(null);
  // What had the focus may be deleted; the keys of undo are heard here.
  const keepFocus = (): void => root.current?.focus();
  if (!controller.flow) {
    return (
      <div className="nebulab-Pipeline-wrong" role="alert">
        <h2>{trans.__('This file is no pipeline that can be shown')}</h2>
        <p>{controller.wrong}</p>
        <p>{trans.__('To see its text, open it with the editor: right click on the file, Open With, Editor.')}</p>
      </div>
    );
  }
  const nodes = controller.flow.nodes;
  const chosen = nodes.find(node => node.id === controller.selected);
  return (
    <div className="nebulab-Pipeline-parts" ref={root} tabIndex={-1} onKeyDown={event => undoKeys(event, controller)}>
      <div className="nebulab-Pipeline-left">
        {controller.upgraded !== null && (
          <div className="nebulab-Pipeline-old" role="status">
            {trans.__('This pipeline is of an older version of Elyra. It can run as it is; to edit it, upgrade it.')}{' '}
            <button className="jp-mod-styled" onClick={() => controller.write(controller.upgraded!)}>
              {trans.__('Upgrade')}
            </button>
          </div>
        )}
        <Canvas controller={controller} nodes={nodes} ready={props.ready} deleted={keepFocus} />
        <Messages controller={controller} />
      </div>
      <aside className="nebulab-Pipeline-side" aria-label={trans.__('Nodes and their settings')}>
        <NodeList controller={controller} nodes={nodes} deleted={keepFocus} />
        {chosen ? (
          <Form key={chosen.id} controller={controller} node={chosen} nodes={nodes} deleted={keepFocus} />
        ) : (
          <PipelineForm controller={controller} />
        )}
      </aside>
    </div>
  );
}

function undoKeys(event: React.KeyboardEvent, controller: Controller): void {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
  if (typing || !(event.ctrlKey || event.metaKey)) {
    return;
  }
  const key = event.key.toLowerCase();
  if (key === 'z' || key === 'y') {
    event.preventDefault();
    event.stopPropagation();
    key === 'y' || event.shiftKey ? controller.redo() : controller.undo();
  }
}

function worst(problems: IProblem[], id: string): IProblem | undefined {
  const own = problems.filter(one => one.node_id === id);
  return own.find(one => one.severity === 'error') ?? own[0];
}

function Canvas(props: {
  controller: Controller;
  nodes: INode[];
  ready: (canvas: ReactFlowInstance<PipelineNode>) => void;
  deleted: () => void;
}): React.ReactElement {
  const { controller, nodes } = props;
  const { trans } = controller;
  const made = nodes.map((node): PipelineNode => {
    const problem = worst(controller.problems, node.id);
    const told = controller.run?.nodes[node.id];
    return {
      id: node.id,
      type: 'file',
      position: { x: node.x, y: node.y },
      selected: node.id === controller.selected,
      ariaLabel: node.label,
      data: {
        label: node.label,
        kind: node.kind,
        state: told?.state,
        stateText: told ? stateWord(told, trans) : '',
        problem: problem?.severity,
        problemText: problem?.message ?? ''
      }
    };
  });
  // While a node is dragged, its place is this part's; the file gets it at the end.
  const [shown, setShown] = React.useState<PipelineNode[]>(made);
  const key = JSON.stringify(made);
  React.useEffect(() => {
    setShown(before =>
      made.map(
        node => ({ ...before.find(one => one.id === node.id), ...node, position: node.position }) as PipelineNode
      )
    );
  }, [key]);
  const edges: Edge[] = nodes.flatMap(node =>
    node.after.map(parent => ({
      id: `${parent} ${node.id}`,
      source: parent,
      target: node.id,
      markerEnd: { type: MarkerType.ArrowClosed, color: 'var(--jp-ui-font-color2)' },
      ariaLabel: trans.__('From %1 to %2', nodes.find(one => one.id === parent)?.label ?? parent, node.label)
    }))
  );
  const canvas = React.useRef<ReactFlowInstance<PipelineNode> | null>(null);
  const [edgeState, setEdgeState] = React.useState<{ [id: string]: boolean }>({});
  return (
    <div className="nebulab-Pipeline-canvas">
      <ReactFlow<PipelineNode>
        nodes={shown}
        edges={edges.map(edge => ({ ...edge, selected: edgeState[edge.id] ?? false }))}
        nodeTypes={NODE_TYPES}
        fitView
        fitViewOptions={FIT}
        minZoom={0.2}
        panOnScroll
        maxZoom={2}
        deleteKeyCode={['Delete', 'Backspace']}
        proOptions={{ hideAttribution: true }}
        onInit={made => {
          canvas.current = made;
          props.ready(made);
          void showBeginning(made);
        }}
        onNodesChange={changes => {
          setShown(before => applyNodeChanges(changes, before));
          for (const change of changes) {
            if (change.type === 'select' && change.selected) {
              controller.select(change.id);
            }
          }
        }}
        onEdgesChange={changes => {
          for (const change of changes) {
            if (change.type === 'select') {
              setEdgeState(before => ({ ...before, [change.id]: change.selected }));
            }
          }
        }}
        onNodeDragStop={(_, __, dragged) =>
          controller.change(flow => dragged.forEach(node => flow.move(node.id, node.position.x, node.position.y)))
        }
        onConnect={({ source, target }) => controller.change(flow => flow.connect(source, target))}
        onBeforeDelete={async ({ nodes: gone, edges: cut }) => {
          controller.change(flow => {
            cut.forEach(edge => flow.disconnect(edge.source, edge.target));
            gone.forEach(node => flow.remove(node.id));
          });
          props.deleted();
          return false;
        }}
        onPaneClick={() => controller.select('')}
        onNodeDoubleClick={(_, node) => {
          const filename = nodes.find(one => one.id === node.id)?.fields.filename;
          if (filename) {
            controller.open(filename);
          }
        }}
      >
        <Background color="var(--jp-border-color2)" />
        <Controls
          showInteractive={false}
          fitViewOptions={FIT}
          onFitView={() => canvas.current && void showBeginning(canvas.current)}
        />
      </ReactFlow>
      {!nodes.length && (
        <div className="nebulab-Pipeline-empty">
          {trans.__('Drag notebooks and scripts from the file browser onto this page, or press “Add file…”.')}
        </div>
      )}
    </div>
  );
}

/** Where not all has room, show where it begins. */
async function showBeginning(canvas: ReactFlowInstance<PipelineNode>): Promise<void> {
  await canvas.fitView(FIT);
  const { x, y, zoom } = canvas.getViewport();
  const left = canvas.getNodesBounds(canvas.getNodes()).x * zoom;
  if (x + left < 0) {
    await canvas.setViewport({ x: MARGIN - left, y, zoom });
  }
}

function FileNode({ data, selected }: NodeProps<PipelineNode>): React.ReactElement {
  const Icon = ICONS[data.kind];
  return (
    <div
      className={classes(
        'nebulab-Pipeline-node',
        selected ? 'nebulab-mod-selected' : '',
        data.state ? `nebulab-mod-${data.state}` : '',
        data.problem ? `nebulab-mod-${data.problem}` : ''
      )}
      title={data.problemText || data.label}
    >
      <Handle type="target" position={Position.Left} />
      <Icon.react tag="span" className="nebulab-Pipeline-icon" />
      <span className="nebulab-Pipeline-words">
        <span className="nebulab-Pipeline-label">{data.label}</span>
        {(data.stateText || data.problem) && (
          <span className="nebulab-Pipeline-state">{data.stateText || data.problemText}</span>
        )}
      </span>
      <Handle type="source" position={Position.Right} />
    </div>
  );
}

const NODE_TYPES = { file: FileNode };

/** All nodes as a list, for keyboards and screen readers. */
function NodeList(props: { controller: Controller; nodes: INode[]; deleted: () => void }): React.ReactElement {
  const { controller, nodes } = props;
  const { trans } = controller;
  return (
    <section aria-label={trans.__('Nodes')}>
      <h3>{trans.__('Nodes')}</h3>
      {!nodes.length && <p className="nebulab-Pipeline-hint">{trans.__('None yet.')}</p>}
      <ul className="nebulab-Pipeline-list">
        {nodes.map(node => {
          const told = controller.run?.nodes[node.id];
          const problem = worst(controller.problems, node.id);
          return (
            <li key={node.id}>
              <button
                aria-pressed={node.id === controller.selected}
                onClick={() => controller.select(node.id === controller.selected ? '' : node.id)}
                onKeyDown={event => {
                  if (event.key === 'Delete') {
                    controller.change(flow => flow.remove(node.id));
                    props.deleted();
                  }
                }}
              >
                <span className="nebulab-Pipeline-label">{node.label}</span>
                {problem && <span className={`nebulab-mod-${problem.severity}`}>{trans.__('problem')}</span>}
                {told && <span className={`nebulab-mod-${told.state}`}>{stateWord(told, trans)}</span>}
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** What is wrong, and how the run goes. */
function Messages({ controller }: { controller: Controller }): React.ReactElement | null {
  const { trans, problems, run } = controller;
  const nodes = controller.flow!.nodes;
  const failed = run ? nodes.filter(node => run.nodes[node.id]?.state === 'failed') : [];
  if (!problems.length && !run) {
    return null;
  }
  return (
    <div className="nebulab-Pipeline-messages">
      {problems.length > 0 && (
        <section aria-label={trans.__('Problems')}>
          <h3>{trans._n('%1 problem', '%1 problems', problems.length)}</h3>
          <ul>
            {problems.map((problem, index) => (
              <li key={index} className={`nebulab-mod-${problem.severity}`}>
                {problem.node_id ? (
                  <button onClick={() => controller.select(problem.node_id)}>{problem.node}</button>
                ) : (
                  problem.node
                )}
                {problem.node && ': '}
                {problem.message}
              </li>
            ))}
          </ul>
        </section>
      )}
      {run && (
        <section aria-label={trans.__('Run')} aria-live="polite">
          <h3>
            {run.where === 'galaxy' ? trans.__('Run on Galaxy') : trans.__('Run here')}
            {': '}
            {!run.over ? trans.__('running') : run.error ? trans.__('ended with an error') : trans.__('done')}
          </h3>
          {run.messages.slice(-3).map((text, index) => (
            <p key={index}>{text}</p>
          ))}
          {failed.map(node => (
            <details key={node.id} open>
              <summary>{trans.__('%1 failed', node.label)}</summary>
              <pre>{run.nodes[node.id].reason}</pre>
            </details>
          ))}
          {run.error && !failed.length && (
            <pre role="alert">{[run.error, run.hint].filter(part => part).join('\n')}</pre>
          )}
        </section>
      )}
    </div>
  );
}
