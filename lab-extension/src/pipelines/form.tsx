/** The form of a node, and that of the pipeline. */
import * as React from 'react';

import type { Controller } from './controller';
import type { IFields, INode } from './flow';

export function Form(props: {
  controller: Controller;
  node: INode;
  nodes: INode[];
  deleted: () => void;
}): React.ReactElement {
  const { controller, node, nodes } = props;
  const { trans } = controller;
  const { fields } = node;
  const own = controller.problems.filter(one => one.node_id === node.id);
  const set = <F extends keyof IFields>(field: F, value: IFields[F]): void =>
    controller.change(flow => flow.set(node.id, field, value));
  const wrong = (field: string): string =>
    own
      .filter(one => one.field === field)
      .map(one => one.message)
      .join(' ');
  if (node.kind === 'group' || node.kind === 'other') {
    return (
      <section className="nebulab-Pipeline-form" aria-label={trans.__('Settings of the node')}>
        <h3>{node.label}</h3>
        <p>
          {node.kind === 'group'
            ? trans.__('A group of nodes. It runs; what is inside can be edited with Elyra.')
            : trans.__('A node of another kind. It can’t be run here; it is kept in the file.')}
        </p>
        <Delete controller={controller} node={node} deleted={props.deleted} />
      </section>
    );
  }
  const others = nodes.filter(other => other.id !== node.id);
  return (
    <section className="nebulab-Pipeline-form" aria-label={trans.__('Settings of the node')}>
      <h3>{node.label}</h3>
      <Text
        label={trans.__('Name')}
        value={node.label}
        wrong={wrong('label')}
        change={value => controller.change(flow => flow.rename(node.id, value))}
      />
      <Text
        label={trans.__('File')}
        value={fields.filename}
        wrong={wrong('filename')}
        change={value => set('filename', value)}
      />
      <button className="jp-mod-styled" onClick={() => controller.open(fields.filename)} disabled={!fields.filename}>
        {trans.__('Open the file')}
      </button>
      <Lines
        label={trans.__('File dependencies')}
        help={trans.__('Files that it reads, one a line; * and ? stand for any characters.')}
        value={fields.dependencies}
        wrong={wrong('dependencies')}
        change={value => set('dependencies', value)}
      />
      <label className="nebulab-Pipeline-tick">
        <input
          type="checkbox"
          checked={fields.subdirectories}
          onChange={event => set('subdirectories', event.target.checked)}
        />
        {trans.__('Of folders, also what lies in folders below')}
      </label>
      <Lines
        label={trans.__('Output files')}
        help={trans.__('Files that it makes for later nodes, one a line.')}
        value={fields.outputs}
        wrong={wrong('outputs')}
        change={value => set('outputs', value)}
      />
      <Lines
        label={trans.__('Environment variables')}
        help={trans.__('One a line, for example ROUNDS=50.')}
        value={fields.variables.map(([name, value]) => `${name}=${value}`)}
        wrong={wrong('env_vars')}
        change={lines =>
          set(
            'variables',
            lines.map((line): [string, string] => {
              const [name, ...rest] = line.split('=');
              return [name.trim(), rest.join('=')];
            })
          )
        }
      />
      {others.length > 0 && (
        <fieldset>
          <legend>{trans.__('Runs after')}</legend>
          {others.map(other => (
            <label key={other.id} className="nebulab-Pipeline-tick">
              <input
                type="checkbox"
                checked={node.after.includes(other.id)}
                onChange={event =>
                  controller.change(flow =>
                    event.target.checked ? flow.connect(other.id, node.id) : flow.disconnect(other.id, node.id)
                  )
                }
              />
              {other.label}
            </label>
          ))}
          {wrong('inputs') && <p className="nebulab-mod-error">{wrong('inputs')}</p>}
        </fieldset>
      )}
      {controller.flow!.parameters.length > 0 && (
        <fieldset>
          <legend>{trans.__('Gets the pipeline’s parameters')}</legend>
          {controller.flow!.parameters.map(name => (
            <label key={name} className="nebulab-Pipeline-tick">
              <input
                type="checkbox"
                checked={fields.parameters.includes(name)}
                onChange={event =>
                  set(
                    'parameters',
                    event.target.checked ? [...fields.parameters, name] : fields.parameters.filter(one => one !== name)
                  )
                }
              />
              {name}
            </label>
          ))}
        </fieldset>
      )}
      <Text
        label={trans.__('GPUs on Galaxy')}
        value={fields.gpus}
        wrong={wrong('gpu')}
        change={value => set('gpus', value)}
      />
      <Text
        label={trans.__('Container image')}
        help={trans.__('For Elyra; it is kept, and not used here.')}
        value={fields.image}
        wrong=""
        change={value => set('image', value)}
      />
      <Delete controller={controller} node={node} deleted={props.deleted} />
    </section>
  );
}

/** What is shown while no node is chosen. */
export function PipelineForm({ controller }: { controller: Controller }): React.ReactElement {
  const { trans } = controller;
  const comments = controller.flow!.comments;
  return (
    <section className="nebulab-Pipeline-form" aria-label={trans.__('Settings of the pipeline')}>
      <h3>{trans.__('Pipeline')}</h3>
      <Text
        label={trans.__('Name')}
        help={trans.__('The workflow in Galaxy is called so.')}
        value={controller.flow!.name}
        wrong=""
        change={value => controller.change(flow => flow.setName(value))}
      />
      {comments.map((text, index) => (
        <blockquote key={index}>{text}</blockquote>
      ))}
      <p className="nebulab-Pipeline-hint">
        {trans.__(
          'Choose a node to see what it reads and makes. Drag from its right edge to the next node’s left edge to draw an arrow.'
        )}
      </p>
    </section>
  );
}

function Delete(props: { controller: Controller; node: INode; deleted: () => void }): React.ReactElement {
  return (
    <button
      className="jp-mod-styled jp-mod-warn"
      onClick={() => {
        props.controller.change(flow => flow.remove(props.node.id));
        props.deleted();
      }}
    >
      {props.controller.trans.__('Delete the node')}
    </button>
  );
}

interface IField {
  label: string;
  help?: string;
  wrong: string;
}

function Around(props: IField & { id: string; children: React.ReactNode }): React.ReactElement {
  return (
    <div className="nebulab-Pipeline-field">
      <label htmlFor={props.id}>{props.label}</label>
      {props.children}
      {props.help && <p className="nebulab-Pipeline-hint">{props.help}</p>}
      {props.wrong && (
        <p className="nebulab-mod-error" id={`${props.id}-wrong`}>
          {props.wrong}
        </p>
      )}
    </div>
  );
}

/** A field of one line, which is written when it is left or with Enter. */
function Text(props: IField & { value: string; change: (value: string) => void }): React.ReactElement {
  const id = React.useId();
  const [text, setText] = React.useState(props.value);
  React.useEffect(() => setText(props.value), [props.value]);
  const write = (): void => {
    if (text.trim() !== props.value) {
      props.change(text.trim());
    }
  };
  return (
    <Around {...props} id={id}>
      <input
        id={id}
        className="jp-mod-styled"
        value={text}
        aria-invalid={!!props.wrong}
        aria-describedby={props.wrong ? `${id}-wrong` : undefined}
        onChange={event => setText(event.target.value)}
        onBlur={write}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            write();
          }
        }}
      />
    </Around>
  );
}

/** A field of lines, which is written while it is typed. */
function Lines(props: IField & { value: string[]; change: (value: string[]) => void }): React.ReactElement {
  const id = React.useId();
  const [text, setText] = React.useState(props.value.join('\n'));
  const value = props.value.join('\n');
  React.useEffect(() => {
    if (split(text).join('\n') !== value) {
      setText(value);
    }
  }, [value]);
  return (
    <Around {...props} id={id}>
      <textarea
        id={id}
        className="jp-mod-styled"
        rows={Math.min(6, Math.max(2, text.split('\n').length))}
        spellCheck={false}
        value={text}
        aria-invalid={!!props.wrong}
        aria-describedby={props.wrong ? `${id}-wrong` : undefined}
        onChange={event => {
          setText(event.target.value);
          props.change(split(event.target.value));
        }}
      />
    </Around>
  );
}

function split(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line);
}
