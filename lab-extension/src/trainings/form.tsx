import { ReactWidget } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Client, IDescription, IForm, INamed, IParameter, IPlace, ISend } from './client';
import { inWords } from './model';
import { bytes } from './words';

/** What the form has others do. */
export interface IFormActions {
  /** Have a person pick files; return their paths below the notebook's folder, or a sentence why one is none. */
  pick(folder: string): Promise<{ path: string; size: number }[] | string>;
  save(path: string): Promise<void>;
  sent(send: ISend): void;
  close(): void;
}

interface IProps {
  description: IDescription;
  client: Client;
  actions: IFormActions;
  trans: TranslationBundle;
}

/** The form by which a notebook or a script is sent to the cluster. */
export class RunForm extends ReactWidget {
  constructor(private readonly _props: IProps) {
    super();
    this.addClass('nebulab-RunForm');
  }

  render(): JSX.Element {
    return <Form {...this._props} />;
  }

  protected onActivateRequest(): void {
    this.node.querySelector<HTMLElement>('input, select, textarea, button')?.focus();
  }
}

type Faults = Record<string, string>;
type Change = React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>;

interface IInput {
  path: string;
  size: number;
  where: IPlace[];
}

function Form({ description, client, actions, trans }: IProps): JSX.Element {
  const [values, setValues] = React.useState<Record<string, string>>(() =>
    Object.fromEntries(description.parameters.map(each => [each.name, each.default]))
  );
  const [inputs, setInputs] = React.useState<IInput[]>(description.inputs);
  const [ticked, setTicked] = React.useState(() => new Set(description.inputs.map(each => each.path)));
  const [where, setWhere] = React.useState('any');
  const [minutes, setMinutes] = React.useState('');
  const [name, setName] = React.useState(description.name);
  const [packages, setPackages] = React.useState(true);
  const [faults, setFaults] = React.useState<Faults>({});
  const [trouble, setTrouble] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const [refused, setRefused] = React.useState(0);
  const form = React.useRef<HTMLFormElement>(null);

  React.useEffect(() => {
    form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [refused]);

  /** What is wrong with a field is said until it is changed. */
  const heal = (field: string): void => {
    if (faults[field]) {
      const { [field]: _, ...rest } = faults;
      setFaults(rest);
    }
  };
  const submit = async (event: React.FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setTrouble('');
    try {
      await actions.save(description.path);
      const answer = await client.send(filledIn(description, { values, ticked, where, minutes, name, packages }));
      if (!('faults' in answer)) {
        actions.sent(answer);
        actions.close();
        return;
      }
      setFaults(answer.faults);
      setRefused(refused + 1);
      setTrouble(answer.faults.path ?? trans.__('It can’t be sent yet. Look at the fields that are marked.'));
    } catch (error) {
      setTrouble(inWords(error));
    }
    setBusy(false);
  };
  const add = async (): Promise<void> => {
    const picked = await actions.pick(folderOf(description.path));
    if (typeof picked === 'string') {
      setTrouble(picked);
      return;
    }
    setTrouble('');
    const known = new Set(inputs.map(each => each.path));
    setInputs([...inputs, ...picked.filter(each => !known.has(each.path)).map(each => ({ ...each, where: [] }))]);
    setTicked(new Set([...ticked, ...picked.map(each => each.path)]));
  };
  const tick = (path: string, on: boolean): void => {
    const next = new Set(ticked);
    if (on) {
      next.add(path);
    } else {
      next.delete(path);
    }
    setTicked(next);
  };
  return (
    <form
      ref={form}
      noValidate
      aria-label={trans.__('Run %1 on the cluster', description.name)}
      onSubmit={event => void submit(event)}
    >
      <h2>{trans.__('Run %1 on the cluster', description.name)}</h2>
      <p>
        {trans.__(
          'It runs from its first cell to its last as a job of Galaxy, as it is saved now. You may close this page meanwhile: models, tables and figures come into your history.'
        )}
      </p>
      <fieldset>
        <legend>{trans.__('Parameters')}</legend>
        {description.parameters.map(each => (
          <Parameter
            key={each.name}
            parameter={each}
            value={values[each.name]}
            fault={faults[`parameters.${each.name}`]}
            change={text => {
              heal(`parameters.${each.name}`);
              setValues({ ...values, [each.name]: text });
            }}
            trans={trans}
          />
        ))}
        {!description.parameters.length && <p className="nebulab-Hint">{withoutParameters(description, trans)}</p>}
      </fieldset>
      <fieldset>
        <legend>{trans.__('Files that it reads')}</legend>
        <p className="nebulab-Hint">
          {inputs.length
            ? trans.__(
                'What is ticked is sent along, unless your history has it already, and lies under the same name.'
              )
            : trans.__('Nothing was found in the text that names a file of its folder.')}
        </p>
        {inputs.map(each => (
          <Input
            key={each.path}
            input={each}
            ticked={ticked.has(each.path)}
            fault={faults[`files.${each.path}`]}
            change={on => {
              heal(`files.${each.path}`);
              tick(each.path, on);
            }}
            trans={trans}
          />
        ))}
        <button type="button" className="jp-mod-styled" onClick={() => void add()}>
          {trans.__('Add a file…')}
        </button>
        <Warnings description={description} faults={faults} trans={trans} />
      </fieldset>
      <fieldset>
        <legend>{trans.__('Where and how long')}</legend>
        <Choice value={where} change={setWhere} trans={trans} />
        <Text
          id="minutes"
          label={trans.__('Time limit in minutes')}
          help={trans.__('Empty: the server’s own. What there is by then is kept.')}
          value={minutes}
          fault={faults.minutes}
          inputMode="decimal"
          change={text => {
            heal('minutes');
            setMinutes(text);
          }}
        />
        <Text id="name" label={trans.__('Name in the history')} value={name} fault={faults.name} change={setName} />
        <Packages packages={description.packages} checked={packages} change={setPackages} trans={trans} />
      </fieldset>
      {trouble && (
        <p className="nebulab-Fault" role="alert">
          {trouble}
        </p>
      )}
      <div className="nebulab-RunForm-buttons">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={busy || !description.history}>
          {busy ? trans.__('Sending …') : trans.__('Run on the cluster')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={actions.close}>
          {trans.__('Close')}
        </button>
        {!description.history && (
          <span className="nebulab-Hint">{trans.__('This session belongs to no history of Galaxy.')}</span>
        )}
      </div>
    </form>
  );
}

interface IFilledIn {
  values: Record<string, string>;
  ticked: Set<string>;
  where: string;
  minutes: string;
  name: string;
  packages: boolean;
}

const GPUS: Record<string, number | null> = { any: null, gpu: 1, cpu: 0 };

function filledIn(description: IDescription, filled: IFilledIn): IForm {
  // A default that the program computes stays its own unless it is changed.
  const sent = description.parameters.filter(each => !each.computed || filled.values[each.name] !== each.default);
  return {
    path: description.path,
    parameters: Object.fromEntries(sent.map(each => [each.name, { type: each.type, text: filled.values[each.name] }])),
    files: [...filled.ticked],
    named: Object.fromEntries(description.named.filter(each => each.given).map(each => [each.name, each.given])),
    gpus: GPUS[filled.where],
    minutes: filled.minutes,
    name: filled.name,
    packages: filled.packages
  };
}

function folderOf(path: string): string {
  return path.split('/').slice(0, -1).join('/');
}

function withoutParameters(description: IDescription, trans: TranslationBundle): string {
  if (description.has_parameters) {
    return trans.__('The cell with the tag “parameters” sets no value that could be changed here.');
  }
  return trans.__(
    'It has no cell with the tag “parameters”, so it runs with the values that it has. Give the cell that sets them this tag (the gear at the right edge of the notebook), and they can be changed here.'
  );
}

interface IParameterProps {
  parameter: IParameter;
  value: string;
  fault?: string;
  change: (text: string) => void;
  trans: TranslationBundle;
}

function Parameter({ parameter, value, fault, change, trans }: IParameterProps): JSX.Element {
  const { name, type, help, computed } = parameter;
  const id = `nebulab-parameter-${name}`;
  const kinds: Record<string, string> = {
    int: trans.__('whole number'),
    float: trans.__('number'),
    bool: trans.__('yes or no'),
    str: trans.__('text'),
    list: trans.__('list'),
    dict: trans.__('names with values'),
    any: computed ? trans.__('computed: left as it is unless you change it') : trans.__('any value')
  };
  const common = {
    id,
    'aria-invalid': fault ? true : undefined,
    'aria-describedby': fault ? `${id}-fault` : `${id}-help`
  };
  const changed = (event: Change): void => change(event.currentTarget.value);
  let field: JSX.Element;
  if (type === 'bool') {
    const on = value.toLowerCase() === 'true';
    field = (
      <input
        {...common}
        type="checkbox"
        checked={on}
        onChange={e => change(e.currentTarget.checked ? 'True' : 'False')}
      />
    );
  } else if (value.includes('\n') || value.length > 60) {
    field = (
      <textarea {...common} className="jp-mod-styled" rows={4} value={value} spellCheck={false} onChange={changed} />
    );
  } else {
    const mode = type === 'int' ? 'numeric' : type === 'float' ? 'decimal' : undefined;
    field = (
      <input
        {...common}
        className="jp-mod-styled"
        type="text"
        inputMode={mode}
        value={value}
        spellCheck={false}
        onChange={changed}
      />
    );
  }
  return (
    <Row id={id} label={name} help={[kinds[type], help].filter(Boolean).join(': ')} fault={fault}>
      {field}
    </Row>
  );
}

interface IRowProps {
  id: string;
  label: string;
  help?: string;
  fault?: string;
  children: React.ReactNode;
}

function Row({ id, label, help, fault, children }: IRowProps): JSX.Element {
  return (
    <div className="nebulab-Row">
      <label htmlFor={id}>{label}</label>
      <div className="nebulab-Row-field">
        {children}
        {help && (
          <span id={`${id}-help`} className="nebulab-Hint">
            {help}
          </span>
        )}
        {fault && (
          <span id={`${id}-fault`} className="nebulab-Fault">
            {fault}
          </span>
        )}
      </div>
    </div>
  );
}

interface ITextProps {
  id: string;
  label: string;
  help?: string;
  value: string;
  fault?: string;
  inputMode?: 'decimal';
  change: (text: string) => void;
}

function Text({ id, label, help, value, fault, inputMode, change }: ITextProps): JSX.Element {
  const whole = `nebulab-run-${id}`;
  return (
    <Row id={whole} label={label} help={help} fault={fault}>
      <input
        id={whole}
        className="jp-mod-styled"
        type="text"
        inputMode={inputMode}
        value={value}
        aria-invalid={fault ? true : undefined}
        aria-describedby={fault ? `${whole}-fault` : help ? `${whole}-help` : undefined}
        onChange={event => change(event.currentTarget.value)}
      />
    </Row>
  );
}

interface IInputProps {
  input: IInput;
  ticked: boolean;
  fault?: string;
  change: (on: boolean) => void;
  trans: TranslationBundle;
}

function Input({ input, ticked, fault, change, trans }: IInputProps): JSX.Element {
  return (
    <div className="nebulab-Input">
      <label>
        <input
          type="checkbox"
          checked={ticked}
          aria-invalid={fault ? true : undefined}
          onChange={event => change(event.currentTarget.checked)}
        />{' '}
        <code>{input.path}</code> <span className="nebulab-Hint">{bytes(input.size)}</span>
      </label>
      {fault && <span className="nebulab-Fault">{fault}</span>}
      {input.where.slice(0, 3).map(place => (
        <Place key={`${place.cell}.${place.line}`} place={place} trans={trans} />
      ))}
    </div>
  );
}

function Place({ place, trans }: { place: IPlace; trans: TranslationBundle }): JSX.Element {
  return (
    <span className="nebulab-Place">
      {trans.__('cell %1, line %2:', place.cell, place.line)} <code>{place.text}</code>
    </span>
  );
}

interface IWarningsProps {
  description: IDescription;
  faults: Faults;
  trans: TranslationBundle;
}

function Warnings({ description, faults, trans }: IWarningsProps): JSX.Element {
  const group = (rows: INamed[], text: string): JSX.Element | null =>
    rows.length ? (
      <div className="nebulab-Warning">
        <p>{text}</p>
        <ul>
          {rows.map(row => (
            <li key={row.name}>
              <code>{row.name}</code>
              {row.where.slice(0, 1).map(place => (
                <Place key={place.line} place={place} trans={trans} />
              ))}
            </li>
          ))}
        </ul>
      </div>
    ) : null;
  const given = description.named.filter(each => each.given);
  const absent = description.named.filter(each => !each.given);
  return (
    <>
      {group(
        description.missing,
        trans.__(
          'It seems to read these, which are not in its folder. If it does not make them itself, add them first:'
        )
      )}
      {group(
        description.outside,
        trans.__('These lie outside of its folder, and a job does not find them there. Move the notebook beside them:')
      )}
      {group(absent, trans.__('It asks GALAXY_INPUTS for these names, which this session does not have:'))}
      {given.map(each => (
        <p key={each.name} className="nebulab-Hint">
          {trans.__('GALAXY_INPUTS[“%1”] is sent as this session has it.', each.name)}{' '}
          {faults[`named.${each.name}`] && <span className="nebulab-Fault">{faults[`named.${each.name}`]}</span>}
        </p>
      ))}
    </>
  );
}

interface IChoiceProps {
  value: string;
  change: (value: string) => void;
  trans: TranslationBundle;
}

function Choice({ value, change, trans }: IChoiceProps): JSX.Element {
  const choices: [string, string][] = [
    ['any', trans.__('The server decides')],
    ['gpu', trans.__('With a GPU, if the server has one to give')],
    ['cpu', trans.__('Without a GPU (CPU)')]
  ];
  return (
    <div className="nebulab-Row" role="radiogroup" aria-label={trans.__('GPU or CPU')}>
      <span className="nebulab-Row-label">{trans.__('GPU or CPU')}</span>
      <div className="nebulab-Row-field">
        {choices.map(([key, label]) => (
          <label key={key}>
            <input type="radio" name="nebulab-run-where" checked={value === key} onChange={() => change(key)} /> {label}
          </label>
        ))}
      </div>
    </div>
  );
}

interface IPackagesProps {
  packages: IDescription['packages'];
  checked: boolean;
  change: (on: boolean) => void;
  trans: TranslationBundle;
}

function Packages({ packages, checked, change, trans }: IPackagesProps): JSX.Element | null {
  const { added, left, error } = packages;
  if (!added.length && !left.length && !error) {
    return null;
  }
  return (
    <div className="nebulab-Row">
      <span className="nebulab-Row-label">{trans.__('Packages')}</span>
      <div className="nebulab-Row-field">
        {added.length > 0 && (
          <label>
            <input type="checkbox" checked={checked} onChange={event => change(event.currentTarget.checked)} />{' '}
            {trans.__('Install what was added in this session: %1', added.join(', '))}
          </label>
        )}
        {left.length > 0 && (
          <span className="nebulab-Hint">{trans.__('The job has to do without: %1', left.join('; '))}</span>
        )}
        {error && <span className="nebulab-Fault">{error}</span>}
      </div>
    </div>
  );
}
