/** The list of a history's items: a tree of which only the rows that are seen are in the page. */
import { caretDownIcon, caretRightIcon, LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import { useVirtualizer } from '@tanstack/react-virtual';
import React, { useCallback, useEffect, useRef, useState } from 'react';

import type { IItem } from './client';
import type { IRow, Model } from './model';
import { facts, spoken, stateWord, visible } from './words';

const ROW_HEIGHT = 44;
const ROWS_OF_A_PAGE = 10;

export interface IListProps {
  model: Model;
  trans: TranslationBundle;
  /** The selection changed. */
  onSelect: (items: IItem[]) => void;
  /** Enter, or a double click. */
  onOpen: (item: IItem) => void;
  onDelete: (items: IItem[]) => void;
  onMenu: (x: number, y: number) => void;
  onDrag: (event: MouseEvent, items: IItem[]) => void;
}

export function List(props: IListProps): JSX.Element {
  const { model, trans } = props;
  const rows = model.rows;
  const frame = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState('');
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    getItemKey: index => rows[index]?.key ?? index
  });
  const shown = virtual.getVirtualItems();
  const first = shown[0]?.index ?? 0;
  const last = shown[shown.length - 1]?.index ?? -1;
  const index = rows.findIndex(row => row.key === active);

  useEffect(() => model.see(rows.slice(first, last + 1)), [model, rows, first, last]);
  useEffect(() => {
    props.onSelect(rows.flatMap(row => (row.item && selected.has(row.key) ? [row.item] : [])));
  }, [rows, selected]);
  // What was chosen before its page had come is known by its item from now on.
  useEffect(() => {
    const loaded = index < 0 && active ? rows.find(row => row.item && row.place === active) : undefined;
    if (loaded) {
      setActive(loaded.key);
      setSelected(known => new Set([...known].map(key => (key === active ? loaded.key : key))));
    }
  }, [rows, active, index]);
  useEffect(() => {
    setActive('');
    setSelected(new Set());
    frame.current?.scrollTo(0, 0);
  }, [model.history?.id, model.filter]);

  const go = useCallback(
    (to: number, extend: boolean) => {
      const target = Math.min(Math.max(to, 0), rows.length - 1);
      const row = rows[target];
      if (!row) {
        return;
      }
      setActive(row.key);
      setSelected(known => new Set(extend ? [...known, row.key] : [row.key]));
      virtual.scrollToIndex(target);
    },
    [rows, virtual]
  );

  const items = (): IItem[] => rows.flatMap(row => (row.item && selected.has(row.key) ? [row.item] : []));

  const openMenu = (): void => {
    const node = document.getElementById(rowId(active));
    const place = (node ?? frame.current)?.getBoundingClientRect();
    if (place && index >= 0) {
      props.onMenu(place.left + 24, place.top + ROW_HEIGHT / 2);
    }
  };

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const row = rows[index];
    const moves: Record<string, () => void> = {
      ArrowDown: () => go(index + 1, event.shiftKey),
      ArrowUp: () => go(index < 0 ? 0 : index - 1, event.shiftKey),
      PageDown: () => go(index + ROWS_OF_A_PAGE, event.shiftKey),
      PageUp: () => go(index - ROWS_OF_A_PAGE, event.shiftKey),
      Home: () => go(0, false),
      End: () => go(rows.length - 1, false),
      ArrowRight: () => row && (model.isOpen(row) ? go(index + 1, false) : model.open(row)),
      ArrowLeft: () => row && (model.isOpen(row) ? model.close(row) : go(above(rows, index), false)),
      Enter: () => row?.item && activate(row),
      ' ': () => row && setSelected(known => toggled(known, row.key)),
      Delete: () => props.onDelete(items()),
      ContextMenu: openMenu,
      F10: () => event.shiftKey && openMenu()
    };
    const move = moves[event.key];
    if (move && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      move();
    }
  };

  const activate = (row: IRow): void => {
    if (row.item?.kind === 'collection') {
      (model.isOpen(row) ? model.close : model.open).call(model, row);
    } else if (row.item) {
      props.onOpen(row.item);
    }
  };

  const onMouseDown = (event: React.MouseEvent, row: IRow): void => {
    if (!row.item) {
      return;
    }
    setActive(row.key);
    const several = event.ctrlKey || event.metaKey;
    let next = selected;
    if (several) {
      next = toggled(selected, row.key);
    } else if (event.shiftKey) {
      next = between(rows, index, rows.indexOf(row));
    } else if (!selected.has(row.key)) {
      next = new Set([row.key]);
    }
    setSelected(next);
    if (event.button === 0 && !several && !event.shiftKey) {
      const dragged = rows.flatMap(each => (each.item && next.has(each.key) ? [each.item] : []));
      props.onDrag(event.nativeEvent, dragged);
    }
  };

  const onContextMenu = (event: React.MouseEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    event.nativeEvent.stopImmediatePropagation();
    if (event.button === 2 || index >= 0) {
      props.onMenu(event.clientX, event.clientY);
    }
  };

  return (
    <div
      ref={frame}
      className="nebulab-galaxy-list"
      role="tree"
      tabIndex={0}
      aria-label={trans.__('Items of the history %1', model.history?.name ?? '')}
      aria-multiselectable="true"
      aria-busy={rows.length === 0}
      aria-activedescendant={index >= first && index <= last && active ? rowId(active) : undefined}
      onKeyDown={onKeyDown}
      onContextMenu={onContextMenu}
      onFocus={() => index < 0 && rows.length && go(0, false)}
    >
      <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {shown.map(place => {
          const row = rows[place.index];
          return (
            row && (
              <Row
                key={place.key}
                row={row}
                top={place.start}
                isOpen={model.isOpen(row)}
                isActive={row.key === active}
                isSelected={selected.has(row.key)}
                trans={trans}
                onMouseDown={event => onMouseDown(event, row)}
                onDoubleClick={() => activate(row)}
                onToggle={() => (model.isOpen(row) ? model.close(row) : model.open(row))}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

interface IRowProps {
  row: IRow;
  top: number;
  isOpen: boolean;
  isActive: boolean;
  isSelected: boolean;
  trans: TranslationBundle;
  onMouseDown: (event: React.MouseEvent) => void;
  onDoubleClick: () => void;
  onToggle: () => void;
}

function Row({ row, top, isOpen, isActive, isSelected, trans, ...on }: IRowProps): JSX.Element {
  const { item, level } = row;
  const isCollection = item?.kind === 'collection';
  const classes = ['nebulab-galaxy-row', isActive && 'nebulab-mod-active', isSelected && 'nebulab-mod-selected'];
  return (
    <div
      id={rowId(row.key)}
      role="treeitem"
      aria-level={level}
      aria-posinset={row.position}
      aria-setsize={row.size}
      aria-selected={isSelected}
      aria-expanded={isCollection ? isOpen : undefined}
      aria-label={item ? spoken(item, trans) : trans.__('Loading')}
      aria-busy={item ? undefined : true}
      className={classes.filter(Boolean).join(' ')}
      data-state={item?.purged ? 'discarded' : item?.state}
      data-deleted={item?.deleted || undefined}
      style={{ height: ROW_HEIGHT, transform: `translateY(${top}px)`, paddingLeft: 12 + (level - 1) * 16 }}
      onMouseDown={on.onMouseDown}
      onDoubleClick={on.onDoubleClick}
      title={item ? [visible(item.name), item.info].filter(Boolean).join('\n') : undefined}
    >
      {item ? (
        <>
          <span
            className="nebulab-galaxy-caret"
            aria-hidden="true"
            onMouseDown={event => {
              if (isCollection) {
                event.stopPropagation();
                on.onToggle();
              }
            }}
          >
            {isCollection && <Icon icon={isOpen ? caretDownIcon : caretRightIcon} />}
          </span>
          <span className="nebulab-galaxy-text" aria-hidden="true">
            <span className="nebulab-galaxy-name">
              {item.hid !== null && <span className="nebulab-galaxy-hid">{item.hid}</span>}
              {visible(item.name)}
            </span>
            <span className="nebulab-galaxy-facts">
              {!['ok', 'empty'].includes(item.state) && (
                <span className="nebulab-galaxy-state">{stateWord(item, trans)}</span>
              )}
              <span>{facts(item, trans)}</span>
              {item.tags.slice(0, 4).map(tag => (
                <span key={tag} className="nebulab-galaxy-tag">
                  {visible(tag)}
                </span>
              ))}
            </span>
          </span>
        </>
      ) : (
        <span className="nebulab-galaxy-placeholder" aria-hidden="true" />
      )}
    </div>
  );
}

function Icon({ icon }: { icon: LabIcon }): JSX.Element {
  return <icon.react tag="span" width="16px" height="16px" />;
}

function rowId(key: string): string {
  return `nebulab-galaxy-row-${key.replace(/[^\w-]/g, '_')}`;
}

/** The row of the collection that a row is in. */
function above(rows: IRow[], index: number): number {
  const level = rows[index]?.level ?? 1;
  for (let at = index - 1; level > 1 && at >= 0; at--) {
    if (rows[at].level < level) {
      return at;
    }
  }
  return index;
}

function toggled(known: ReadonlySet<string>, key: string): Set<string> {
  const next = new Set(known);
  if (!next.delete(key)) {
    next.add(key);
  }
  return next;
}

function between(rows: IRow[], from: number, to: number): Set<string> {
  const [low, high] = [Math.min(Math.max(from, 0), to), Math.max(from, to)];
  return new Set(rows.slice(low, high + 1).map(row => row.key));
}
