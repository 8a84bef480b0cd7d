"""What a notebook may ask of Galaxy: the list of requests that the session's broker passes on; runs in the session.

The user's key has all of the user's power, and an administrator's key all of the server's. A notebook works with this
user's histories, datasets, tools, jobs and workflows; whatever is not named here is refused. Left out on purpose:

* keys, passwords, credentials and log-in (`users/…`, `authenticate`): they outlive the session;
* entry points: their addresses hold the tokens of the user's other sessions;
* file sources and remote files: they reach stores outside Galaxy with credentials that the user gave to Galaxy, not to
  a notebook; what is needed from there is imported through Galaxy's page first;
* sharing, publishing and permissions: a decision that a person takes in Galaxy's page;
* everything of the administrator's: users, roles, groups, quotas, tool sheds, libraries' uploads, configuration.
"""

# Methods, and the path below Galaxy's address; `nebulab.session.broker.access` says what the {places} stand for.
ALLOWED = """
GET                 api/version
GET                 api/configuration
GET                 api/whoami
GET                 api/users/current
GET                 api/users/current/usage
GET                 api/genomes
GET                 api/genomes/{path}
GET                 api/datatypes
GET                 api/datatypes/{path}
GET                 api/licenses
GET                 api/object_stores

GET POST            api/histories
GET                 api/histories/count
GET                 api/histories/deleted
GET PUT DELETE      api/histories/{id}
POST                api/histories/deleted/{id}/undelete
GET                 api/histories/{id}/citations
GET                 api/histories/{id}/jobs_summary
GET                 api/histories/{id}/tags
GET POST PUT DELETE api/histories/{id}/tags/{name}
GET PUT             api/histories/{id}/exports
GET                 api/histories/{id}/exports/{id}
POST                api/histories/{id}/prepare_store_download
POST                api/histories/{id}/copy_contents
POST                api/histories/{id}/archive
PUT                 api/histories/{id}/archive/restore
GET                 api/histories/{id}/extraction_summary
POST                api/histories/{id}/extract_workflow
POST                api/histories/{id}/materialize
GET POST PUT        api/histories/{id}/contents
GET                 api/histories/{id}/contents/archive
GET                 api/histories/{id}/contents/archive/{name}
PUT                 api/histories/{id}/contents/bulk
GET POST            api/histories/{id}/contents/datasets
GET POST            api/histories/{id}/contents/dataset_collections
GET PUT DELETE      api/histories/{id}/contents/{id}
GET PUT DELETE      api/histories/{id}/contents/datasets/{id}
GET PUT DELETE      api/histories/{id}/contents/dataset_collections/{id}
GET                 api/histories/{id}/contents/dataset_collections/{id}/download
GET                 api/histories/{id}/contents/datasets/{id}/jobs_summary
GET                 api/histories/{id}/contents/dataset_collections/{id}/jobs_summary
POST                api/histories/{id}/contents/datasets/{id}/materialize
GET                 api/histories/{id}/contents/{id}/display
GET                 api/histories/{id}/contents/{id}/metadata_file
GET                 api/histories/{id}/contents/{id}/extra_files
GET                 api/histories/{id}/contents/{id}/provenance
GET                 api/histories/{id}/contents/{id}/tags
GET POST PUT DELETE api/histories/{id}/contents/{id}/tags/{name}
PUT                 api/histories/{id}/contents/{id}/validate
PUT                 api/tags
GET                 api/histories/most_recently_used

GET                 api/datasets
GET PUT DELETE      api/datasets/{id}
GET                 api/datasets/{id}/display
GET                 api/datasets/{id}/metadata_file
GET                 api/datasets/{id}/storage
GET                 api/datasets/{id}/inheritance_chain
GET                 api/datasets/{id}/get_content_as_text
GET                 api/datasets/{id}/content/{name}
GET                 api/datasets/{id}/converted
GET                 api/datasets/{id}/converted/{name}
GET                 api/datasets/{id}/extra_files
GET                 api/datasets/{id}/extra_files/raw/{path}
GET                 api/datasets/{id}/parameters_display
GET                 api/datasets/{id}/metrics
PUT                 api/datasets/{id}/hash
GET                 datasets/{id}/display
GET                 datasets/{id}/display/{path}
GET                 dataset/{id}/display
POST                api/dataset_collections
GET PUT             api/dataset_collections/{id}
GET                 api/dataset_collections/{id}/download
GET                 api/dataset_collections/{id}/attributes
GET                 api/dataset_collections/{id}/suitable_converters
GET                 api/dataset_collections/{id}/contents/{id}
POST                api/dataset_collections/{id}/copy
POST                api/dataset_collections/{id}/prepare_download
GET                 api/dataset_collection_element/{id}
GET                 api/short_term_storage/{id}
GET                 api/short_term_storage/{id}/ready
GET                 api/tasks/{id}/state
GET                 api/tasks/{id}/result

OPTIONS POST        api/upload/resumable_upload
OPTIONS HEAD PATCH DELETE api/upload/resumable_upload/{id}

GET POST            api/tools
POST                api/tools/fetch
GET                 api/tools/{tool}
GET                 api/tools/{tool}/build
POST                api/tools/{tool}/build
GET                 api/tools/{tool}/inputs
GET                 api/tools/{tool}/citations
GET                 api/tools/{tool}/requirements
GET                 api/tools/{tool}/xrefs
GET                 api/tools/{tool}/icon
GET                 api/tool_panels
GET                 api/tool_panels/{name}
GET                 api/tool_requests/{id}
GET                 api/tool_requests/{id}/state

GET POST            api/jobs
GET DELETE          api/jobs/{id}
POST                api/jobs/search
GET                 api/jobs/{id}/inputs
GET                 api/jobs/{id}/outputs
GET                 api/jobs/{id}/metrics
GET                 api/jobs/{id}/stdout
GET                 api/jobs/{id}/stderr
GET                 api/jobs/{id}/console_output
GET                 api/jobs/{id}/common_problems
GET                 api/jobs/{id}/parameters_display
GET                 api/jobs/{id}/build_for_rerun
PUT                 api/jobs/{id}/resume

GET POST            api/workflows
GET PUT DELETE      api/workflows/{id}
POST                api/workflows/upload
POST                api/workflows/import
POST                api/workflows/extract
POST                api/workflows/{id}/undelete
GET                 api/workflows/{id}/download
GET                 api/workflows/download/{id}
GET                 api/workflows/{id}/versions
GET                 api/workflows/{id}/counts
GET                 api/workflows/{id}/tags
GET POST PUT DELETE api/workflows/{id}/tags/{name}
PUT                 api/workflows/{id}/refactor
GET POST            api/workflows/{id}/invocations
GET POST            api/workflows/{id}/usage
GET DELETE          api/workflows/{id}/invocations/{id}
GET DELETE          api/workflows/{id}/usage/{id}
GET                 api/workflows/{id}/invocations/{id}/{name}
GET PUT             api/workflows/{id}/invocations/{id}/steps/{id}
GET                 api/invocations
GET DELETE          api/invocations/{id}
GET                 api/invocations/{id}/{name}
GET                 api/invocations/steps/{id}
GET PUT             api/invocations/{id}/steps/{id}
POST                api/invocations/{id}/prepare_store_download

GET                 api/libraries
GET                 api/libraries/{id}
GET                 api/libraries/{id}/contents
GET                 api/libraries/{id}/contents/{id}
GET                 api/libraries/datasets/{id}
GET                 api/folders/{id}
GET                 api/folders/{id}/contents
"""
