import { LabIcon } from '@jupyterlab/ui-components';

const house = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
<path class="jp-icon3" fill="#616161" d="M12 3 2 12h3v8h6v-6h2v6h6v-8h3z"/></svg>`;

export const welcomeIcon = new LabIcon({ name: 'nebulab:welcome', svgstr: house });
