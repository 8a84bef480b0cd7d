-- A user of Galaxy's PostgreSQL who may read what the portal reads, and nothing else: no password, no key, no dataset.
-- As a superuser, in Galaxy's database:  psql -v ON_ERROR_STOP=1 -f galaxy-reader.sql galaxy
-- Give the role a password or a line in pg_hba.conf, and the portal
-- NEBULAB_PORTAL_GALAXY_DATABASE=postgresql://nebulab_reader@localhost/galaxy
CREATE ROLE nebulab_reader LOGIN;
ALTER ROLE nebulab_reader SET default_transaction_read_only = on;
GRANT USAGE ON SCHEMA public TO nebulab_reader;
GRANT SELECT (id, user_id, tool_id, state, create_time, update_time, imported, destination_params) ON job TO nebulab_reader;
GRANT SELECT (id, job_id, state, create_time) ON job_state_history TO nebulab_reader;
GRANT SELECT (id, job_id, plugin, metric_name, metric_value) ON job_metric_numeric, job_metric_text TO nebulab_reader;
GRANT SELECT (id, email, deleted) ON galaxy_user TO nebulab_reader;
GRANT SELECT (id, name, type, deleted) ON role TO nebulab_reader;
GRANT SELECT (id, name, deleted) ON galaxy_group TO nebulab_reader;
GRANT SELECT (id, user_id, role_id) ON user_role_association TO nebulab_reader;
GRANT SELECT (id, user_id, group_id) ON user_group_association TO nebulab_reader;
GRANT SELECT (id, group_id, role_id) ON group_role_association TO nebulab_reader;
