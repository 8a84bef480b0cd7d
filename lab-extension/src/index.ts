/** The plugins that Nebulab adds to JupyterLab's page, one folder a subject. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import pipelines from './pipelines';
import session from './session';

const plugins: JupyterFrontEndPlugin<unknown>[] = [session, pipelines];

export default plugins;
