/** A `.pipeline` file's JSON: read for the canvas and changed in place, so that what is not known here survives. */
import { PathExt } from '@jupyterlab/coreutils';
import { UUID } from '@lumino/coreutils';

/** Any JSON object. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = { [name: string]: any };

export const SUFFIXES = ['.ipynb', '.py', '.r'];
const OPERATORS: { [suffix: string]: string } = {
  '.ipynb': 'execute-notebook-node',
  '.py': 'execute-python-node',
  '.r': 'execute-r-node'
};
const KINDS: { [operator: string]: Kind } = {
  'execute-notebook-node': 'notebook',
  'execute-python-node': 'python',
  'execute-r-node': 'r'
};
const PORT = { cardinality: { min: 0, max: -1 } };
const SCHEMA = 'http://api.dataplatform.ibm.com/schemas/common-pipeline/pipeline-flow/pipeline-flow-v3-schema.json';

export type Kind = 'notebook' | 'python' | 'r' | 'group' | 'other';

/** What a node's form edits. */
export interface IFields {
  filename: string;
  dependencies: string[];
  outputs: string[];
  variables: [string, string][];
  image: string;
  subdirectories: boolean;
  gpus: string;
  parameters: string[];
}

/** A node as the canvas shows it. */
export interface INode {
  id: string;
  kind: Kind;
  label: string;
  x: number;
  y: number;
  fields: IFields;
  /** Ids of the nodes whose arrows lead here. */
  after: string[];
}

/** Return the text of a pipeline without a node. */
export function emptyFlow(name: string): string {
  const primary = {
    id: 'primary',
    nodes: [],
    app_data: {
      ui_data: { comments: [] },
      version: 8,
      properties: { name, runtime: 'Generic' }
    },
    runtime_ref: ''
  };
  const flow = {
    doc_type: 'pipeline',
    version: '3.0',
    json_schema: SCHEMA,
    id: 'elyra-auto-generated-pipeline',
    primary_pipeline: 'primary',
    pipelines: [primary],
    schemas: []
  };
  return JSON.stringify(flow, null, 2);
}

/** A pipeline; each change is made in its JSON, and `text` is what is saved. */
export class Flow {
  /** Throws an error with a sentence if the text is no pipeline. */
  constructor(text: string) {
    this._json = JSON.parse(text);
    const pipelines = this._json?.pipelines;
    const primary = Array.isArray(pipelines)
      ? (pipelines.find((one: Json) => one?.id === this._json.primary_pipeline) ?? pipelines[0])
      : null;
    if (!primary || typeof primary !== 'object') {
      throw new Error('it has no pipelines');
    }
    this._primary = primary;
    if (!Array.isArray(primary.nodes)) {
      primary.nodes = [];
    }
  }

  get text(): string {
    return JSON.stringify(this._json, null, 2);
  }

  /** The pipeline's own parameters, by name. */
  get parameters(): string[] {
    const given = this._primary.app_data?.properties?.pipeline_parameters;
    return Array.isArray(given) ? given.map(one => String(one?.name ?? '')).filter(name => name) : [];
  }

  get name(): string {
    return String(this._primary.app_data?.properties?.name ?? '');
  }

  get nodes(): INode[] {
    return this._raw.filter(raw => raw.type !== 'binding').map((raw, index) => this._node(raw, index));
  }

  /** The comments, which are shown and kept. */
  get comments(): string[] {
    const given = this._primary.app_data?.ui_data?.comments;
    return Array.isArray(given) ? given.map(one => String(one?.content ?? '')).filter(text => text.trim()) : [];
  }

  /** Add a file as a node, and return its id; `path` is relative to the pipeline's folder. */
  add(path: string, x: number, y: number): string {
    const id = UUID.uuid4();
    const label = PathExt.basename(path);
    this._primary.nodes.push({
      id,
      type: 'execution_node',
      op: OPERATORS[PathExt.extname(path).toLowerCase()],
      app_data: {
        component_parameters: {
          filename: path,
          dependencies: [],
          include_subdirectories: false,
          outputs: [],
          env_vars: [],
          runtime_image: ''
        },
        label: '',
        ui_data: { label, x_pos: Math.round(x), y_pos: Math.round(y) }
      },
      inputs: [{ id: 'inPort', app_data: { ui_data: { ...PORT, label: 'Input Port' } } }],
      outputs: [{ id: 'outPort', app_data: { ui_data: { ...PORT, label: 'Output Port' } } }]
    });
    return id;
  }

  /** Delete a node with its arrows. */
  remove(id: string): void {
    this._primary.nodes = this._raw.filter(raw => raw.id !== id);
    for (const raw of this._raw) {
      for (const port of ports(raw)) {
        port.links = links(port).filter(link => source(link) !== id && link.node_id_ref !== id);
      }
    }
    for (const comment of this._primary.app_data?.ui_data?.comments ?? []) {
      if (Array.isArray(comment?.associated_id_refs)) {
        comment.associated_id_refs = comment.associated_id_refs.filter((one: Json) => one?.node_ref !== id);
      }
    }
  }

  move(id: string, x: number, y: number): void {
    const raw = this._find(id);
    if (raw) {
      raw.app_data = { ...raw.app_data, ui_data: { ...raw.app_data?.ui_data } };
      raw.app_data.ui_data.x_pos = Math.round(x);
      raw.app_data.ui_data.y_pos = Math.round(y);
    }
  }

  /** Draw an arrow, unless it is there. */
  connect(from: string, to: string): void {
    const target = this._find(to);
    const origin = this._find(from);
    if (!target || !origin || from === to || this._after(target).includes(from)) {
      return;
    }
    if (!ports(target).length) {
      target.inputs = [{ id: 'inPort', app_data: { ui_data: { ...PORT, label: 'Input Port' } } }];
    }
    const [port] = ports(target);
    const outlet = origin.type === 'super_node' ? origin.outputs?.[0]?.id : 'outPort';
    port.links = [...links(port), { id: UUID.uuid4(), node_id_ref: from, port_id_ref: outlet ?? 'outPort' }];
  }

  /** Delete an arrow. */
  disconnect(from: string, to: string): void {
    for (const port of ports(this._find(to))) {
      port.links = links(port).filter(link => link.node_id_ref !== from && source(link) !== from);
    }
  }

  /** Set a node's name; the file's where it is empty. */
  rename(id: string, label: string): void {
    const raw = this._find(id);
    if (raw) {
      const shown = label || PathExt.basename(String(raw.app_data?.component_parameters?.filename ?? ''));
      raw.app_data = { ...raw.app_data, label, ui_data: { ...raw.app_data?.ui_data, label: shown } };
    }
  }

  /** Set one field of a node's form. */
  set<F extends keyof IFields>(id: string, field: F, value: IFields[F]): void {
    const raw = this._find(id);
    if (!raw) {
      return;
    }
    const fields: Json = (raw.app_data.component_parameters ??= {});
    switch (field) {
      case 'filename': {
        const wasShown = PathExt.basename(String(fields.filename ?? ''));
        fields.filename = value;
        const operator = OPERATORS[PathExt.extname(value as string).toLowerCase()];
        raw.op = operator ?? raw.op;
        if (raw.app_data.ui_data?.label === wasShown) {
          this.rename(id, '');
        }
        break;
      }
      case 'variables':
        fields.env_vars = (value as IFields['variables']).map(([name, text]) => {
          const known = asList(fields.env_vars).find((one: Json) => one?.env_var === name);
          return { ...(known && typeof known === 'object' ? known : {}), env_var: name, value: text };
        });
        break;
      case 'image':
        fields.runtime_image = value;
        break;
      case 'subdirectories':
        fields.include_subdirectories = value;
        break;
      case 'gpus':
        if (value === '') {
          delete fields.gpu;
        } else {
          fields.gpu = Number.isNaN(Number(value)) ? value : Number(value);
        }
        break;
      case 'parameters':
        fields.pipeline_parameters = value;
        break;
      default:
        fields[field] = value;
    }
  }

  /** Set the pipeline's own name. */
  setName(name: string): void {
    const data: Json = (this._primary.app_data ??= {});
    data.properties = { ...data.properties, name };
  }

  private get _raw(): Json[] {
    return this._primary.nodes.filter((raw: Json) => raw && typeof raw.id === 'string');
  }

  private _find(id: string): Json | undefined {
    return this._raw.find(raw => raw.id === id);
  }

  private _after(raw: Json): string[] {
    const known = new Set(this._raw.map(one => one.id as string));
    const found = ports(raw).flatMap(port =>
      links(port).map(link => (known.has(source(link)) ? source(link) : link.node_id_ref))
    );
    return [...new Set(found.filter(id => known.has(id)))];
  }

  private _node(raw: Json, index: number): INode {
    const fields: Json = raw.app_data?.component_parameters ?? {};
    const shown: Json = raw.app_data?.ui_data ?? {};
    const filename = typeof fields.filename === 'string' ? fields.filename : '';
    return {
      id: raw.id,
      kind: raw.type === 'super_node' ? 'group' : (KINDS[raw.op] ?? 'other'),
      label: String(shown.label || raw.app_data?.label || PathExt.basename(filename) || raw.op || raw.id),
      x: Number(shown.x_pos) || 0,
      y: Number(shown.y_pos) || (shown.y_pos === undefined ? index * 90 : 0),
      fields: {
        filename,
        dependencies: texts(fields.dependencies),
        outputs: texts(fields.outputs),
        variables: asList(fields.env_vars).map(one =>
          typeof one === 'string'
            ? ([one.split('=')[0], one.split('=').slice(1).join('=')] as [string, string])
            : ([String(one?.env_var ?? ''), String(one?.value ?? '')] as [string, string])
        ),
        image: typeof fields.runtime_image === 'string' ? fields.runtime_image : '',
        subdirectories: fields.include_subdirectories === true || fields.include_subdirectories === 'true',
        gpus: fields.gpu === undefined || fields.gpu === null ? '' : String(fields.gpu),
        parameters: texts(fields.pipeline_parameters)
      },
      after: this._after(raw)
    };
  }

  private readonly _json: Json;
  private readonly _primary: Json;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any
function asList(value: any): any[] {
  return Array.isArray(value) ? value : [];
}

function texts(value: unknown): string[] {
  return asList(value).map(String);
}

function ports(raw: Json | undefined): Json[] {
  return asList(raw?.inputs).filter(port => port && typeof port === 'object');
}

function links(port: Json): Json[] {
  return asList(port.links).filter(link => link && typeof link === 'object');
}

/** The node that a link comes from; of a group's port the node inside it. */
function source(link: Json): string {
  const port = String(link.port_id_ref ?? '');
  return port.endsWith('_outPort') ? port.slice(0, -'_outPort'.length) : String(link.node_id_ref ?? '');
}
