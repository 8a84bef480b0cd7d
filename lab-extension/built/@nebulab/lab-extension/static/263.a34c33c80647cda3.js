"use strict";(self.rspackChunk_nebulab_lab_extension=self.rspackChunk_nebulab_lab_extension||[]).push([[263],{43(e,a,o){var n=o(44),r=o.n(n),l=o(45),i=o.n(l),t=o(46),b=o(47),p=o(48),d=o(49),u=o(50),s=i()(r());s.i(t.A),s.i(b.A),s.i(p.A),s.i(d.A),s.i(u.A),s.push([e.id,`/* One file a subject; colours are JupyterLab's variables alone, which are light and dark. */

/* Signs in a name that turn the direction of what follows end with the name. */
.nebulab-Training-name,
.nebulab-Result-name,
.nebulab-Pipeline-label,
.nebulab-welcome-name,
.nebulab-galaxy-tag,
.nebulab-resources td,
.nebulab-Comparison td,
.nebulab-Card td {
  unicode-bidi: isolate;
}

/* A long name in the status bar would push all others out of it; its title has the whole. */
.jp-StatusBar-Right .jp-StatusBar-TextItem {
  display: inline-block;
  max-width: 26ch;
  overflow: hidden;
  text-overflow: ellipsis;
  vertical-align: top;
  white-space: nowrap;
}
`,""]),o.d(a,{},{A:s})},48(e,a,o){var n=o(44),r=o.n(n),l=o(45),i=(o.n(l))()(r());i.push([e.id,`/* The Galaxy panel and its previews. The colours of states are Galaxy's own, on a bar beside the text alone. */
.nebulab-galaxy-place > .nebulab-galaxy {
  height: 100%;
}

.nebulab-galaxy {
  display: flex;
  flex-direction: column;
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  font-size: var(--jp-ui-font-size1);
}

.nebulab-galaxy.nebulab-mod-drop {
  outline: 2px dashed var(--jp-brand-color1);
  outline-offset: -3px;
}

.nebulab-galaxy button:not(.jp-mod-styled) {
  display: inline-flex;
  align-items: center;
  min-width: 24px;
  min-height: 24px;
  padding: 2px 4px;
  border: none;
  border-radius: var(--jp-border-radius);
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}

.nebulab-galaxy button:not(.jp-mod-styled):hover:enabled {
  background: var(--jp-layout-color2);
}

.nebulab-galaxy button:focus-visible,
.nebulab-galaxy input:focus-visible,
.nebulab-galaxy-list:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nebulab-galaxy-head {
  display: flex;
  flex: none;
  flex-direction: column;
  gap: 6px;
  padding: 8px;
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2);
}

.nebulab-galaxy-head > input,
.nebulab-galaxy-choice > input {
  width: 100%;
  height: 28px;
  box-sizing: border-box;
  font-size: var(--jp-ui-font-size1);
}

.nebulab-galaxy-line {
  display: flex;
  align-items: center;
  gap: 4px;
}

.nebulab-galaxy-filter {
  gap: 12px;
  color: var(--jp-ui-font-color1);
}

.nebulab-galaxy-filter label {
  display: inline-flex;
  align-items: center;
  gap: 4px;
}

.nebulab-galaxy-filter > span {
  margin-left: auto;
  white-space: nowrap;
}

.nebulab-galaxy-histories {
  position: relative;
  flex: 1;
  min-width: 0;
}

.nebulab-galaxy .nebulab-galaxy-history {
  width: 100%;
  justify-content: space-between;
  font-weight: 600;
}

.nebulab-galaxy-history > span:first-child,
.nebulab-galaxy-choice li > span {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.nebulab-galaxy-choice {
  position: absolute;
  z-index: 10;
  top: 100%;
  left: 0;
  width: max(100%, 220px);
  padding: 8px;
  box-sizing: border-box;
  border: var(--jp-border-width) solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color1);
  box-shadow: var(--jp-elevation-z6);
}

.nebulab-galaxy-choice ul {
  max-height: 240px;
  margin: 8px 0;
  padding: 0;
  overflow-y: auto;
  list-style: none;
}

.nebulab-galaxy-choice li {
  display: flex;
  justify-content: space-between;
  gap: 8px;
  padding: 4px;
  cursor: pointer;
}

.nebulab-galaxy-choice li em {
  flex: none;
}

.nebulab-galaxy-choice li:hover,
.nebulab-galaxy-choice li[aria-selected='true'] {
  background: var(--jp-layout-color2);
}

.nebulab-galaxy-list {
  flex: 1;
  min-height: 80px;
  overflow-y: auto;
}

.nebulab-galaxy-row {
  position: absolute;
  top: 0;
  left: 0;
  display: flex;
  align-items: center;
  width: 100%;
  padding-right: 8px;
  box-sizing: border-box;
  border-bottom: var(--jp-border-width) solid var(--jp-border-color3);
  user-select: none;
}

/* Galaxy's colours of states. */
.nebulab-galaxy-row::before {
  position: absolute;
  top: 2px;
  bottom: 2px;
  left: 2px;
  width: 5px;
  border-radius: 2px;
  background: #bdc6d0;
  content: '';
}

.nebulab-galaxy-row[data-state='ok']::before,
.nebulab-galaxy-row[data-state='empty']::before {
  background: #94db94;
}

.nebulab-galaxy-row[data-state='error']::before,
.nebulab-galaxy-row[data-state='failed_metadata']::before {
  background: #eb5f62;
}

.nebulab-galaxy-row[data-state='running']::before,
.nebulab-galaxy-row[data-state='setting_metadata']::before {
  background: #fea54e;
}

.nebulab-galaxy-row[data-state='upload']::before,
.nebulab-galaxy-row[data-state='paused']::before,
.nebulab-galaxy-row[data-state='deferred']::before {
  background: #63a0ca;
}

.nebulab-galaxy-row[data-state='discarded']::before {
  background: #657a8e;
}

.nebulab-galaxy-row:hover {
  background: var(--jp-layout-color2);
}

.nebulab-galaxy-row.nebulab-mod-selected {
  background: var(--jp-layout-color3);
}

.nebulab-galaxy-list:focus-visible .nebulab-mod-active {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nebulab-galaxy-row[data-deleted] .nebulab-galaxy-name {
  text-decoration: line-through;
}

.nebulab-galaxy-caret {
  flex: none;
  width: 16px;
  height: 16px;
}

.nebulab-galaxy-text {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-width: 0;
  gap: 2px;
}

.nebulab-galaxy-name,
.nebulab-galaxy-facts {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.nebulab-galaxy-facts {
  font-size: var(--jp-ui-font-size0);
  line-height: 16px;
}

.nebulab-galaxy-facts > * + * {
  margin-left: 6px;
}

.nebulab-galaxy-hid {
  margin-right: 6px;
  font-variant-numeric: tabular-nums;
}

.nebulab-galaxy-hid::after {
  content: ':';
}

.nebulab-galaxy-state {
  font-weight: 600;
}

.nebulab-galaxy-tag {
  display: inline-block;
  padding: 0 4px;
  line-height: 12px;
  border: var(--jp-border-width) solid var(--jp-border-color1);
  border-radius: 8px;
}

.nebulab-galaxy-placeholder {
  width: 60%;
  height: 10px;
  border-radius: 4px;
  background: var(--jp-layout-color2);
}

.nebulab-galaxy-empty,
.nebulab-galaxy-notice {
  padding: 12px;
  line-height: 1.5;
}

.nebulab-galaxy-empty {
  flex: 1;
}

.nebulab-galaxy-empty pre {
  padding: 8px;
  overflow-x: auto;
  background: var(--jp-layout-color2);
  white-space: pre-wrap;
}

.nebulab-galaxy-notice {
  flex: none;
  border-left: 4px solid var(--jp-warn-color1);
  background: var(--jp-layout-color2);
}

.nebulab-galaxy-notice p {
  margin: 0 0 8px;
}

.nebulab-galaxy-transfers {
  flex: none;
  max-height: 35%;
  margin: 0;
  padding: 4px 8px;
  overflow-y: auto;
  border-top: var(--jp-border-width) solid var(--jp-border-color1);
  list-style: none;
}

.nebulab-galaxy-transfers li {
  display: flex;
  align-items: center;
  gap: 4px;
  padding: 4px 0;
}

.nebulab-galaxy-transfer {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-width: 0;
}

.nebulab-galaxy-transfer > span {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.nebulab-galaxy-transfer progress {
  width: 100%;
}

.nebulab-galaxy li[data-state='failed'] small:first-of-type {
  color: var(--jp-error-color1);
}

.nebulab-galaxy .nebulab-galaxy-word {
  color: var(--jp-content-link-color);
}

.nebulab-galaxy-drag {
  max-width: 300px;
  padding: 4px 8px;
  overflow: hidden;
  border: var(--jp-border-width) solid var(--jp-border-color1);
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  text-overflow: ellipsis;
  white-space: nowrap;
}

.nebulab-preview {
  padding: 16px;
  overflow: auto;
  background: var(--jp-layout-color0);
  color: var(--jp-content-font-color1);
  font-size: var(--jp-ui-font-size1);
}

.nebulab-preview-head {
  display: flex;
  flex-wrap: wrap;
  align-items: baseline;
  gap: 8px;
  margin-bottom: 12px;
}

.nebulab-preview-head h2 {
  margin: 0;
  font-size: var(--jp-ui-font-size3);
  overflow-wrap: anywhere;
}

.nebulab-preview-head > span {
  margin-right: auto;
}

.nebulab-preview-scroll {
  max-width: 100%;
  overflow-x: auto;
}

.nebulab-preview table {
  border-collapse: collapse;
}

.nebulab-preview th,
.nebulab-preview td {
  max-width: 400px;
  padding: 3px 8px;
  overflow: hidden;
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2);
  text-align: left;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.nebulab-preview pre {
  margin: 0;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  overflow-wrap: anywhere;
  white-space: pre-wrap;
}

.nebulab-preview-image {
  max-width: 100%;
  background: white;
}

.nebulab-preview-tree,
.nebulab-preview-cells {
  margin: 0;
  padding: 0;
  list-style: none;
}

.nebulab-preview-tree li {
  padding: 2px 0;
}

.nebulab-preview-cells li {
  margin-bottom: 8px;
  padding: 8px;
  border: var(--jp-border-width) solid var(--jp-border-color2);
  border-radius: var(--jp-border-radius);
}

.nebulab-preview-cells li[data-type='code'] > pre:first-child {
  padding: 4px;
  background: var(--jp-layout-color2);
}

.nebulab-preview .nebulab-preview-output {
  margin-top: 6px;
  padding-left: 8px;
  border-left: 3px solid var(--jp-border-color1);
}

.nebulab-preview-card h3,
.nebulab-preview-card h4 {
  margin: 12px 0 4px;
}

.nebulab-mod-proven,
.nebulab-mod-unproven {
  font-weight: 600;
}

.nebulab-mod-proven::before {
  content: '✓ ';
}

.nebulab-mod-unproven::before {
  content: '! ';
}
`,""]),o.d(a,{},{A:i})},50(e,a,o){var n=o(44),r=o.n(n),l=o(45),i=(o.n(l))()(r());i.push([e.id,`/* The pipeline editor. */
.nebulab-Pipeline {
  display: flex;
  flex-direction: column;
  height: 100%;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
}

.nebulab-Pipeline.nebulab-mod-over {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nebulab-PipelineEditor {
  flex: 1;
  min-height: 0;
}

.nebulab-Pipeline-parts {
  display: flex;
  height: 100%;
  outline: none;
}

.nebulab-Pipeline-left {
  display: flex;
  flex: 1;
  flex-direction: column;
  min-width: 0;
}

.nebulab-Pipeline-canvas {
  position: relative;
  flex: 1;
  min-height: 120px;

  --xy-background-color: var(--jp-layout-color1);
  --xy-edge-stroke: var(--jp-ui-font-color2);
  --xy-edge-stroke-selected: var(--jp-brand-color1);
  --xy-connectionline-stroke: var(--jp-brand-color1);
  --xy-handle-background-color: var(--jp-ui-font-color2);
  --xy-handle-border-color: var(--jp-layout-color1);
  --xy-controls-button-background-color: var(--jp-layout-color2);
  --xy-controls-button-background-color-hover: var(--jp-layout-color3);
  --xy-controls-button-color: var(--jp-ui-font-color1);
  --xy-controls-button-color-hover: var(--jp-ui-font-color1);
  --xy-controls-button-border-color: var(--jp-border-color1);
}

.nebulab-Pipeline-empty {
  position: absolute;
  top: 30%;
  left: 10%;
  right: 10%;
  text-align: center;
  font-size: var(--jp-ui-font-size2);
  color: var(--jp-ui-font-color2);
  pointer-events: none;
}

.nebulab-Pipeline-node {
  display: flex;
  align-items: center;
  gap: 8px;
  width: 160px;
  min-height: 34px;
  padding: 6px 10px;
  box-sizing: border-box;
  border: 1px solid var(--jp-border-color1);
  border-left: 4px solid var(--jp-border-color0);
  border-radius: 4px;
  background: var(--jp-layout-color2);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
}

.nebulab-Pipeline-node.nebulab-mod-selected {
  box-shadow: 0 0 0 2px var(--jp-brand-color1);
}

.nebulab-Pipeline-node.nebulab-mod-running,
.nebulab-Pipeline-node.nebulab-mod-queued {
  border-left-color: var(--jp-info-color1);
}

.nebulab-Pipeline-node.nebulab-mod-done {
  border-left-color: var(--jp-success-color1);
}

.nebulab-Pipeline-node.nebulab-mod-failed,
.nebulab-Pipeline-node.nebulab-mod-error {
  border-left-color: var(--jp-error-color1);
}

.nebulab-Pipeline-node.nebulab-mod-warning {
  border-left-color: var(--jp-warn-color1);
}

.nebulab-Pipeline-node .react-flow__handle {
  width: 10px;
  height: 10px;
}

.nebulab-Pipeline-icon {
  display: flex;
  flex: none;
}

.nebulab-Pipeline-icon svg {
  width: 18px;
  height: 18px;
}

.nebulab-Pipeline-words {
  display: flex;
  flex-direction: column;
  min-width: 0;
}

.nebulab-Pipeline-label {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.nebulab-Pipeline-state {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  font-size: var(--jp-ui-font-size0);
  color: var(--jp-ui-font-color1);
}

.nebulab-Pipeline-side {
  flex: none;
  width: 300px;
  overflow-y: auto;
  padding: 8px 12px;
  box-sizing: border-box;
  border-left: 1px solid var(--jp-border-color1);
}

.nebulab-Pipeline h3 {
  margin: 8px 0 4px;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
  overflow-wrap: anywhere;
}

.nebulab-Pipeline-list {
  margin: 0;
  padding: 0;
  list-style: none;
}

.nebulab-Pipeline-list button {
  display: flex;
  gap: 8px;
  width: 100%;
  padding: 4px 6px;
  border: 0;
  border-radius: 2px;
  background: none;
  color: inherit;
  font: inherit;
  text-align: left;
  cursor: pointer;
}

.nebulab-Pipeline-list button:hover {
  background: var(--jp-layout-color2);
}

.nebulab-Pipeline-list button[aria-pressed='true'] {
  background: var(--jp-layout-color3);
}

.nebulab-Pipeline-list button:focus-visible,
.nebulab-Pipeline-messages button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
}

.nebulab-Pipeline-list .nebulab-Pipeline-label {
  flex: 1;
  min-width: 0;
}

.nebulab-Pipeline-field {
  margin: 8px 0;
}

.nebulab-Pipeline-field label {
  display: block;
  margin-bottom: 2px;
}

.nebulab-Pipeline-field input,
.nebulab-Pipeline-field textarea {
  width: 100%;
  box-sizing: border-box;
  resize: vertical;
  font-size: var(--jp-ui-font-size1);
}

.nebulab-Pipeline-field textarea {
  padding: 4px 8px;
  border: 1px solid var(--jp-border-color1);
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.nebulab-Pipeline-form fieldset {
  margin: 8px 0;
  padding: 4px 8px 8px;
  border: 1px solid var(--jp-border-color1);
}

.nebulab-Pipeline-tick {
  display: flex;
  align-items: center;
  gap: 6px;
  margin: 4px 0;
  overflow-wrap: anywhere;
}

.nebulab-Pipeline-form > button {
  margin: 8px 0;
}

.nebulab-Pipeline-hint {
  margin: 2px 0;
  color: var(--jp-ui-font-color2);
}

.nebulab-Pipeline p.nebulab-mod-error,
.nebulab-Pipeline li.nebulab-mod-error,
.nebulab-Pipeline-list .nebulab-mod-failed,
.nebulab-Pipeline-list .nebulab-mod-error {
  color: var(--jp-error-color0);
}

.nebulab-Pipeline-messages {
  flex: none;
  max-height: 40%;
  overflow-y: auto;
  padding: 4px 12px 8px;
  border-top: 1px solid var(--jp-border-color1);
}

.nebulab-Pipeline-messages ul {
  margin: 0;
  padding-left: 18px;
}

.nebulab-Pipeline-messages p {
  margin: 2px 0;
}

.nebulab-Pipeline-messages li button {
  padding: 0;
  border: 0;
  background: none;
  color: inherit;
  font: inherit;
  text-decoration: underline;
  cursor: pointer;
}

.nebulab-Pipeline-messages pre {
  overflow-x: auto;
  white-space: pre-wrap;
  font-size: var(--jp-code-font-size);
}

.nebulab-Pipeline-old {
  padding: 8px 12px;
  background: var(--jp-warn-color3);
  color: var(--jp-ui-font-color1);
}

.nebulab-Pipeline-wrong {
  padding: 24px;
  max-width: 60em;
}
`,""]),o.d(a,{},{A:i})},46(e,a,o){var n=o(44),r=o.n(n),l=o(45),i=(o.n(l))()(r());i.push([e.id,`/* The status bar's figures and the tab Resources. */
.nebulab-figures {
  display: flex;
  align-items: stretch;
  height: 100%;
  overflow: hidden;
}

.nebulab-figure {
  border: 0;
  border-bottom: 2px solid transparent;
  border-top: 2px solid transparent;
  padding: 0 6px;
  background: transparent;
  color: var(--jp-ui-font-color1);
  font: inherit;
  white-space: nowrap;
  cursor: pointer;
}

.nebulab-figure:hover {
  background: var(--jp-layout-color3);
}

.nebulab-figure:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: -2px;
}

.nebulab-figure-label {
  color: var(--jp-ui-font-color1);
}

.nebulab-figure.nebulab-mod-high {
  border-bottom-color: var(--jp-warn-color1);
  font-weight: 600;
}

.nebulab-figure.nebulab-mod-critical {
  border-bottom-color: var(--jp-error-color1);
  border-top-color: var(--jp-error-color1);
  font-weight: 600;
}

.nebulab-resources {
  overflow: auto;
  padding: 16px 24px 32px;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  font-family: var(--jp-ui-font-family);
  container-type: inline-size;
}

.nebulab-resources h1 {
  margin: 0 0 4px;
  font-size: var(--jp-ui-font-size3);
}

.nebulab-resources h2 {
  margin: 24px 0 8px;
  font-size: var(--jp-ui-font-size2);
}

.nebulab-resources h3 {
  margin: 12px 0 4px;
  font-size: var(--jp-ui-font-size1);
}

.nebulab-resources p {
  margin: 4px 0;
  max-width: 80ch;
}

.nebulab-resources-trouble {
  border-left: 3px solid var(--jp-warn-color1);
  padding-left: 8px;
}

.nebulab-charts {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(205px, 1fr));
  gap: 16px;
}

@container (min-width: 1300px) {
  .nebulab-charts {
    grid-template-columns: repeat(auto-fill, minmax(290px, 1fr));
  }
}

.nebulab-chart {
  margin: 0;
  min-width: 0;
  border: 1px solid var(--jp-border-color2);
  border-radius: 3px;
  padding: 8px;
}

.nebulab-chart figcaption {
  display: flex;
  flex-wrap: wrap;
  justify-content: space-between;
  gap: 0 8px;
}

.nebulab-chart-title {
  font-weight: 600;
}

.nebulab-chart svg {
  display: block;
  width: 100%;
  height: 72px;
  border-bottom: 1px solid var(--jp-border-color1);
  border-top: 1px dashed var(--jp-border-color1);
}

.nebulab-chart-line {
  fill: none;
  stroke: var(--jp-brand-color1);
  stroke-width: 1.5px;
}

.nebulab-chart-area {
  fill: var(--jp-brand-color1);
  fill-opacity: 0.15;
}

.nebulab-chart-top,
.nebulab-chart-times {
  font-size: var(--jp-ui-font-size0);
}

.nebulab-chart-top {
  text-align: right;
}

.nebulab-chart-times {
  display: flex;
  justify-content: space-between;
}

.nebulab-table {
  border-collapse: collapse;
}

.nebulab-table th,
.nebulab-table td {
  padding: 4px 12px 4px 0;
  border-bottom: 1px solid var(--jp-border-color2);
  text-align: left;
  vertical-align: baseline;
}

.nebulab-table td button {
  margin: 0 8px 0 0;
}

.nebulab-table tbody th {
  font-weight: normal;
  overflow-wrap: anywhere;
}

.nebulab-resources-hour {
  margin-top: 24px;
}

.nebulab-unseen {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}
`,""]),o.d(a,{},{A:i})},47(e,a,o){var n=o(44),r=o.n(n),l=o(45),i=(o.n(l))()(r());i.push([e.id,`/* The page Welcome. */
.nebulab-welcome {
  overflow: auto;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  font-family: var(--jp-ui-font-family);
}

.nebulab-welcome-page {
  max-width: 1100px;
  padding: 24px 32px 32px;
}

.nebulab-welcome h1 {
  margin: 0 0 8px;
  font-size: var(--jp-ui-font-size3);
}

.nebulab-welcome h2 {
  margin: 0 0 8px;
  font-size: var(--jp-ui-font-size2);
}

.nebulab-welcome h3 {
  margin: 8px 0 0;
  font-size: var(--jp-ui-font-size1);
  font-weight: normal;
}

.nebulab-welcome p {
  margin: 4px 0;
}

.nebulab-welcome code {
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.nebulab-welcome-actions {
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  margin: 16px 0;
}

.nebulab-welcome-actions button,
.nebulab-welcome section button {
  margin: 0;
}

.nebulab-welcome-columns {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr));
  gap: 24px 32px;
}

.nebulab-welcome-columns section {
  min-width: 0;
  border-top: 1px solid var(--jp-border-color2);
  padding-top: 12px;
}

.nebulab-welcome ul {
  margin: 0;
  padding-left: 18px;
  line-height: 1.5;
}

.nebulab-welcome .nebulab-welcome-list {
  padding: 0;
  list-style: none;
}

.nebulab-welcome [data-input] .nebulab-welcome-link {
  margin-left: 8px;
  white-space: nowrap;
}

.nebulab-welcome-name {
  overflow-wrap: anywhere;
}

.nebulab-welcome-size {
  color: var(--jp-ui-font-color2);
}

.nebulab-welcome-limits {
  display: grid;
  grid-template-columns: max-content 1fr;
  gap: 4px 16px;
  margin: 0 0 12px;
}

.nebulab-welcome-limits dt {
  font-weight: 600;
}

.nebulab-welcome-limits dd {
  margin: 0;
  min-width: 0;
  overflow-wrap: anywhere;
}

.nebulab-welcome .nebulab-welcome-link {
  border: 0;
  padding: 2px 0;
  background: transparent;
  color: var(--jp-content-link-color);
  font: inherit;
  text-align: left;
  cursor: pointer;
}

.nebulab-welcome .nebulab-welcome-link:hover {
  text-decoration: underline;
}

.nebulab-welcome button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.nebulab-welcome p.nebulab-welcome-hint {
  margin-top: 24px;
}
`,""]),o.d(a,{},{A:i})},49(e,a,o){var n=o(44),r=o.n(n),l=o(45),i=(o.n(l))()(r());i.push([e.id,`#jp-left-stack > #nebulab-trainings,
#jp-right-stack > #nebulab-trainings {
  min-width: 340px;
}

.nebulab-RunButton .jp-ToolbarButtonComponent-label {
  padding-left: 4px;
}

.nebulab-Trainings {
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  overflow: auto;
}

.nebulab-Trainings-body {
  height: 100%;
  overflow: auto;
}

.nebulab-Trainings-bar {
  display: flex;
  flex-wrap: wrap;
  gap: 6px;
  padding: 6px 10px;
  border-bottom: 1px solid var(--jp-border-color2);
}

.nebulab-Trainings button.jp-mod-styled {
  height: 24px;
  padding: 0 8px;
  line-height: 24px;
  font-size: var(--jp-ui-font-size0);
  letter-spacing: normal;
}

.nebulab-Trainings button.jp-mod-minimal {
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color2);
}

.nebulab-Trainings button.jp-mod-minimal:hover:enabled {
  background: var(--jp-layout-color3);
}

.nebulab-Trainings button:disabled {
  opacity: 0.6;
}

.nebulab-Trainings-message {
  padding: 10px;
  margin: 0;
  line-height: 1.5;
}

.nebulab-mod-trouble {
  border-left: 3px solid var(--jp-warn-color1);
}

.nebulab-Trainings-list,
.nebulab-Results {
  list-style: none;
  margin: 0;
  padding: 0;
}

.nebulab-Training {
  padding: 8px 10px;
  border-bottom: 1px solid var(--jp-border-color2);
}

.nebulab-Training-row,
.nebulab-Training-open {
  display: flex;
  align-items: center;
  gap: 6px;
}

.nebulab-Training-open {
  flex: 1;
  min-width: 0;
  padding: 2px 4px;
  border: 0;
  background: transparent;
  color: inherit;
  font: inherit;
  text-align: left;
  cursor: pointer;
}

.nebulab-Training-open:hover {
  background: var(--jp-layout-color2);
}

.nebulab-Trainings :focus-visible,
.nebulab-RunForm :focus-visible,
.nebulab-Card :focus-visible,
.nebulab-Comparison :focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.nebulab-Training-name {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  font-weight: 600;
}

.nebulab-State {
  display: inline-flex;
  align-items: center;
  gap: 4px;
  white-space: nowrap;
}

.nebulab-State > span {
  display: inline-flex;
}

.nebulab-mod-done svg [fill] {
  fill: var(--jp-success-color1);
}

.nebulab-mod-failed svg [fill],
.nebulab-mod-not-sent svg [fill] {
  fill: var(--jp-error-color1);
}

.nebulab-mod-running svg [fill],
.nebulab-mod-sending svg [fill] {
  fill: var(--jp-brand-color1);
}

.nebulab-mod-queued svg [fill],
.nebulab-mod-paused svg [fill] {
  fill: var(--jp-warn-color1);
}

.nebulab-Training-times,
.nebulab-Hint,
.nebulab-Result-kind {
  color: var(--jp-ui-font-color2);
  line-height: 1.4;
}

.nebulab-Training-times {
  padding: 2px 4px 0 26px;
}

.nebulab-Training-detail {
  padding: 6px 4px 0 8px;
}

.nebulab-Training-detail h4 {
  flex: 1;
  margin: 10px 0 4px;
  font-size: inherit;
  font-weight: 600;
}

.nebulab-Training-line {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 8px;
  padding: 4px 0;
}

.nebulab-Training-line progress {
  width: 120px;
  accent-color: var(--jp-brand-color1);
}

.nebulab-Training-actions {
  padding: 6px 0;
}

.nebulab-Pairs {
  display: grid;
  grid-template-columns: max-content 1fr;
  gap: 2px 12px;
  margin: 4px 0;
}

.nebulab-Pairs dt {
  color: var(--jp-ui-font-color2);
}

.nebulab-Pairs dd {
  margin: 0;
  min-width: 0;
  overflow-wrap: anywhere;
}

.nebulab-Training-failure {
  margin: 6px 0;
  padding: 6px 8px;
  border-left: 3px solid var(--jp-error-color1);
  background: var(--jp-layout-color2);
  overflow-wrap: anywhere;
}

.nebulab-Training-failure p {
  margin: 4px 0;
}

.nebulab-Training-failure pre,
.nebulab-Log {
  max-height: 260px;
  overflow: auto;
  margin: 4px 0;
  font-family: var(--jp-code-font-family);
  font-size: 12px;
  line-height: 1.4;
  color: var(--jp-content-font-color1);
}

.nebulab-Log {
  min-height: 60px;
  padding: 6px;
  border: 1px solid var(--jp-border-color2);
  background: var(--jp-layout-color0);
}

.nebulab-Results li {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px;
  padding: 3px 0;
}

.nebulab-Results details {
  flex: 1;
  min-width: 0;
}

.nebulab-Results summary {
  cursor: pointer;
}

.nebulab-Results details .nebulab-Results {
  padding-left: 14px;
}

.nebulab-Result-buttons {
  display: inline-flex;
  gap: 6px;
}

.nebulab-Result-name {
  flex: 1;
  min-width: 60px;
  overflow-wrap: anywhere;
}

.nebulab-RunForm,
.nebulab-Card,
.nebulab-Comparison {
  padding: 16px 24px;
  overflow: auto;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.5;
}

/* Between two wide side bars little is left for it. */
.nebulab-Comparison {
  container-type: inline-size;
}

.nebulab-RunForm form,
.nebulab-Card article {
  max-width: 820px;
}

.nebulab-RunForm fieldset {
  margin: 16px 0;
  padding: 10px 14px;
  border: 1px solid var(--jp-border-color1);
  min-width: 0;
}

.nebulab-RunForm legend {
  padding: 0 6px;
  font-weight: 600;
}

.nebulab-RunForm p.nebulab-Hint {
  margin: 2px 0 6px;
}

.nebulab-Row {
  display: grid;
  grid-template-columns: minmax(120px, 200px) 1fr;
  gap: 4px 14px;
  padding: 6px 0;
}

.nebulab-Row > label,
.nebulab-Row-label {
  overflow-wrap: anywhere;
}

.nebulab-Row-field {
  display: flex;
  flex-direction: column;
  align-items: flex-start;
  gap: 4px;
  min-width: 0;
}

.nebulab-Row-field input[type='text'],
.nebulab-Row-field textarea {
  width: 100%;
  max-width: 460px;
  box-sizing: border-box;
}

.nebulab-Row-field [aria-invalid='true'] {
  border-color: var(--jp-error-color1);
}

.nebulab-Fault {
  display: block;
  padding-left: 8px;
  border-left: 3px solid var(--jp-error-color1);
  font-weight: 600;
}

.nebulab-Warning {
  margin: 10px 0;
  padding: 6px 10px;
  border-left: 3px solid var(--jp-warn-color1);
  background: var(--jp-layout-color2);
}

.nebulab-Warning p {
  margin: 0;
}

.nebulab-Warning ul {
  margin: 4px 0;
  padding-left: 20px;
}

.nebulab-Input {
  padding: 4px 0;
}

.nebulab-Place {
  display: block;
  padding-left: 24px;
  color: var(--jp-ui-font-color2);
  overflow-wrap: anywhere;
}

.nebulab-RunForm-buttons {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 10px;
  padding: 10px 0;
}

.nebulab-Verdict {
  padding: 6px 10px;
  border-left: 3px solid var(--jp-warn-color1);
  background: var(--jp-layout-color2);
}

.nebulab-Verdict.nebulab-mod-done {
  border-left-color: var(--jp-success-color1);
}

.nebulab-Card table,
.nebulab-Comparison table {
  border-collapse: collapse;
}

.nebulab-Card th,
.nebulab-Card td,
.nebulab-Comparison th,
.nebulab-Comparison td {
  padding: 4px 12px;
  border-bottom: 1px solid var(--jp-border-color2);
  text-align: left;
  vertical-align: top;
  overflow-wrap: anywhere;
}

.nebulab-Card th[scope='row'],
.nebulab-Comparison th[scope='row'] {
  font-weight: normal;
  color: var(--jp-ui-font-color2);
}

.nebulab-Card th[scope='row'] {
  white-space: nowrap;
}

.nebulab-Comparison th[scope='row'] {
  min-width: 130px;
}

.nebulab-Comparison td {
  min-width: 150px;
}

@container (max-width: 460px) {
  .nebulab-Comparison table {
    margin: 0 -18px;
    width: calc(100% + 36px);
  }

  .nebulab-Comparison th,
  .nebulab-Comparison td {
    padding: 4px 6px;
  }

  .nebulab-Comparison th[scope='row'],
  .nebulab-Comparison td {
    min-width: 76px;
  }
}

.nebulab-Comparison th[scope='rowgroup'] {
  padding-top: 14px;
}

.nebulab-Comparison .nebulab-mod-differs td {
  font-weight: 600;
}

.nebulab-Comparison img {
  width: 100%;
  max-width: 420px;
  background: white;
}
`,""]),o.d(a,{},{A:i})},45(e){e.exports=function(e){var a=[];return a.toString=function(){return this.map(function(a){var o="",n=void 0!==a[5];return a[4]&&(o+="@supports (".concat(a[4],") {")),a[2]&&(o+="@media ".concat(a[2]," {")),n&&(o+="@layer".concat(a[5].length>0?" ".concat(a[5]):""," {")),o+=e(a),n&&(o+="}"),a[2]&&(o+="}"),a[4]&&(o+="}"),o}).join("")},a.i=function(e,o,n,r,l){"string"==typeof e&&(e=[[null,e,void 0]]);var i={};if(n)for(var t=0;t<this.length;t++){var b=this[t][0];null!=b&&(i[b]=!0)}for(var p=0;p<e.length;p++){var d=[].concat(e[p]);n&&i[d[0]]||(void 0!==l&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=l),o&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=o),r&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=r):d[4]="".concat(r)),a.push(d))}},a}},44(e){e.exports=function(e){return e[1]}},37(e){var a=[];function o(e){for(var o=-1,n=0;n<a.length;n++)if(a[n].identifier===e){o=n;break}return o}function n(e,n){for(var r={},l=[],i=0;i<e.length;i++){var t=e[i],b=n.base?t[0]+n.base:t[0],p=r[b]||0,d="".concat(b," ").concat(p);r[b]=p+1;var u=o(d),s={css:t[1],media:t[2],sourceMap:t[3],supports:t[4],layer:t[5]};if(-1!==u)a[u].references++,a[u].updater(s);else{var c=function(e,a){var o=a.domAPI(a);return o.update(e),function(a){a?(a.css!==e.css||a.media!==e.media||a.sourceMap!==e.sourceMap||a.supports!==e.supports||a.layer!==e.layer)&&o.update(e=a):o.remove()}}(s,n);n.byIndex=i,a.splice(i,0,{identifier:d,updater:c,references:1})}l.push(d)}return l}e.exports=function(e,r){var l=n(e=e||[],r=r||{});return function(e){e=e||[];for(var i=0;i<l.length;i++){var t=o(l[i]);a[t].references--}for(var b=n(e,r),p=0;p<l.length;p++){var d=o(l[p]);0===a[d].references&&(a[d].updater(),a.splice(d,1))}l=b}}},39(e){var a={};e.exports=function(e,o){var n=function(e){if(void 0===a[e]){var o=document.querySelector(e);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(e){o=null}a[e]=o}return a[e]}(e);if(!n)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");n.appendChild(o)}},41(e){e.exports=function(e){var a=document.createElement("style");return e.setAttributes(a,e.attributes),e.insert(a,e.options),a}},40(e,a,o){e.exports=function(e){var a=o.nc;a&&e.setAttribute("nonce",a)}},38(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var a=e.insertStyleElement(e);return{update:function(o){var n,r,l;n="",o.supports&&(n+="@supports (".concat(o.supports,") {")),o.media&&(n+="@media ".concat(o.media," {")),(r=void 0!==o.layer)&&(n+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),n+=o.css,r&&(n+="}"),o.media&&(n+="}"),o.supports&&(n+="}"),(l=o.sourceMap)&&"u">typeof btoa&&(n+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(l))))," */")),e.styleTagTransform(n,a,e.options)},remove:function(){var e;null===(e=a).parentNode||e.parentNode.removeChild(e)}}}},42(e){e.exports=function(e,a){if(a.styleSheet)a.styleSheet.cssText=e;else{for(;a.firstChild;)a.removeChild(a.firstChild);a.appendChild(document.createTextNode(e))}}},36(e,a,o){var n=o(37),r=o.n(n),l=o(38),i=o.n(l),t=o(39),b=o.n(t),p=o(40),d=o.n(p),u=o(41),s=o.n(u),c=o(42),x=o.n(c),g=o(43),f={};f.styleTagTransform=x(),f.setAttributes=d(),f.insert=b().bind(null,"head"),f.domAPI=i(),f.insertStyleElement=s(),r()(g.A,f),g.A&&g.A.locals&&g.A.locals}}]);