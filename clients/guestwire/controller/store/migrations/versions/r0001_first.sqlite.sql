CREATE TABLE alarm_rules (
	name VARCHAR(64) NOT NULL,
	rule TEXT NOT NULL,
	revision BIGINT NOT NULL,
	changed_at BIGINT NOT NULL,
	changed_by VARCHAR(64) NOT NULL,
	CONSTRAINT pk_alarm_rules PRIMARY KEY (name)
);

CREATE TABLE alarm_rules_given (
	name VARCHAR(64) NOT NULL,
	CONSTRAINT pk_alarm_rules_given PRIMARY KEY (name)
);

CREATE TABLE alarms (
	id VARCHAR(36) NOT NULL,
	open_key VARCHAR(400),
	rule VARCHAR(64) NOT NULL,
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	part VARCHAR(200) NOT NULL,
	severity VARCHAR(10) NOT NULL,
	state VARCHAR(12) NOT NULL,
	text TEXT NOT NULL,
	value FLOAT,
	since BIGINT NOT NULL,
	raised_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	times INTEGER NOT NULL,
	clear_at BIGINT,
	acknowledged_at BIGINT,
	acknowledged_by VARCHAR(64) NOT NULL,
	note TEXT NOT NULL,
	cleared_at BIGINT,
	cleared_by VARCHAR(64) NOT NULL,
	source_lost_at BIGINT,
	CONSTRAINT pk_alarms PRIMARY KEY (id),
	CONSTRAINT uq_alarms_open_key UNIQUE (open_key)
);

CREATE INDEX ix_alarms_host ON alarms (site, host, raised_at);

CREATE INDEX ix_alarms_raised ON alarms (raised_at, id);

CREATE INDEX ix_alarms_state ON alarms (state, raised_at);

CREATE TABLE approval_hosts (
	approval_id VARCHAR(36) NOT NULL,
	host VARCHAR(73) NOT NULL,
	n INTEGER NOT NULL,
	CONSTRAINT pk_approval_hosts PRIMARY KEY (approval_id, host)
);

CREATE INDEX ix_approval_hosts_host ON approval_hosts (host);

CREATE TABLE approval_mandates (
	approval_id VARCHAR(36) NOT NULL,
	n INTEGER NOT NULL,
	site VARCHAR(36) NOT NULL,
	mandate_id VARCHAR(32) NOT NULL,
	needed INTEGER NOT NULL,
	text BLOB NOT NULL,
	given BLOB,
	CONSTRAINT pk_approval_mandates PRIMARY KEY (approval_id, n)
);

CREATE TABLE approval_signatures (
	approval_id VARCHAR(36) NOT NULL,
	n INTEGER NOT NULL,
	key_id VARCHAR(16) NOT NULL,
	principal VARCHAR(64) NOT NULL,
	person_id VARCHAR(36),
	person VARCHAR(200) NOT NULL,
	signature BLOB NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_approval_signatures PRIMARY KEY (approval_id, n, key_id)
);

CREATE TABLE approvals (
	id VARCHAR(36) NOT NULL,
	state VARCHAR(16) NOT NULL,
	operations TEXT NOT NULL,
	risk SMALLINT NOT NULL,
	person_id VARCHAR(36),
	person VARCHAR(200) NOT NULL,
	note TEXT NOT NULL,
	rollout_id VARCHAR(36),
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	decided_at BIGINT,
	decided_by VARCHAR(200),
	reason TEXT NOT NULL,
	revision BIGINT NOT NULL,
	CONSTRAINT pk_approvals PRIMARY KEY (id)
);

CREATE INDEX ix_approvals_rollout_id ON approvals (rollout_id);

CREATE INDEX ix_approvals_state_id ON approvals (state, id);

CREATE TABLE audit (
	seq BIGINT NOT NULL,
	at BIGINT NOT NULL,
	person_id VARCHAR(36) NOT NULL,
	person VARCHAR(64) NOT NULL,
	token_id VARCHAR(36) NOT NULL,
	address VARCHAR(64) NOT NULL,
	request_id VARCHAR(36) NOT NULL,
	action VARCHAR(64) NOT NULL,
	target VARCHAR(256) NOT NULL,
	outcome VARCHAR(64) NOT NULL,
	detail TEXT NOT NULL,
	hash BLOB NOT NULL,
	CONSTRAINT pk_audit PRIMARY KEY (seq)
);

CREATE INDEX ix_audit_action_seq ON audit (action, seq);

CREATE INDEX ix_audit_at ON audit (at);

CREATE INDEX ix_audit_person_seq ON audit (person, seq);

CREATE INDEX ix_audit_request_id ON audit (request_id);

CREATE INDEX ix_audit_target_seq ON audit (target, seq);

CREATE TABLE audit_begin (
	id INTEGER NOT NULL,
	seq BIGINT NOT NULL,
	hash BLOB NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_audit_begin PRIMARY KEY (id)
);

CREATE TABLE audit_ends (
	seq BIGINT NOT NULL,
	at BIGINT NOT NULL,
	site VARCHAR(64) NOT NULL,
	principal VARCHAR(64) NOT NULL,
	frame BLOB NOT NULL,
	CONSTRAINT pk_audit_ends PRIMARY KEY (seq)
);

CREATE TABLE bindings (
	person_id VARCHAR(36) NOT NULL,
	scope VARCHAR(128) NOT NULL,
	role VARCHAR(16) NOT NULL,
	created_at BIGINT NOT NULL,
	CONSTRAINT pk_bindings PRIMARY KEY (person_id, scope, role)
);

CREATE TABLE bootstrap (
	one INTEGER NOT NULL,
	hash BLOB NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_bootstrap PRIMARY KEY (one)
);

CREATE TABLE connections (
	name VARCHAR(36) NOT NULL,
	settings TEXT NOT NULL,
	made_at BIGINT NOT NULL,
	made_by VARCHAR(200) NOT NULL,
	CONSTRAINT pk_connections PRIMARY KEY (name)
);

CREATE TABLE controller_epochs (
	site VARCHAR(36) NOT NULL,
	controller VARCHAR(36) NOT NULL,
	epoch BIGINT NOT NULL,
	CONSTRAINT pk_controller_epochs PRIMARY KEY (site, controller)
);

CREATE TABLE draft_revisions (
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	revision BIGINT NOT NULL,
	author_id VARCHAR(64) NOT NULL,
	author VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	kind VARCHAR(16) NOT NULL,
	summary VARCHAR(300) NOT NULL,
	base_revision BIGINT,
	changes BLOB NOT NULL,
	text BLOB,
	CONSTRAINT pk_draft_revisions PRIMARY KEY (site, host, revision)
);

CREATE TABLE draft_sessions (
	user_id VARCHAR(64) NOT NULL,
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	user_name VARCHAR(128) NOT NULL,
	revision BIGINT NOT NULL,
	base_revision BIGINT,
	"view" TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_draft_sessions PRIMARY KEY (user_id, site, host)
);

CREATE INDEX ix_draft_sessions_site_host_at ON draft_sessions (site, host, at);

CREATE TABLE drafts (
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	revision BIGINT NOT NULL,
	text BLOB,
	base_revision BIGINT,
	base BLOB,
	author_id VARCHAR(64) NOT NULL,
	author VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	errors INTEGER NOT NULL,
	warnings INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	CONSTRAINT pk_drafts PRIMARY KEY (site, host)
);

CREATE TABLE host_audit_logs (
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	log BLOB NOT NULL,
	began_at BIGINT NOT NULL,
	first BIGINT NOT NULL,
	seq BIGINT NOT NULL,
	hash BLOB NOT NULL,
	collected_at BIGINT NOT NULL,
	acknowledged BIGINT NOT NULL,
	unexplained BIGINT,
	unexplained_hash BLOB,
	trouble VARCHAR(512) NOT NULL,
	trouble_seq BIGINT,
	trouble_at BIGINT,
	CONSTRAINT pk_host_audit_logs PRIMARY KEY (site, host, log)
);

CREATE TABLE host_audit_rows (
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	log BLOB NOT NULL,
	seq BIGINT NOT NULL,
	at BIGINT NOT NULL,
	"row" BLOB NOT NULL,
	hash BLOB NOT NULL,
	mark VARCHAR(8) NOT NULL,
	operation VARCHAR(128) NOT NULL,
	principal VARCHAR(128) NOT NULL,
	code VARCHAR(128) NOT NULL,
	CONSTRAINT pk_host_audit_rows PRIMARY KEY (site, host, log, seq)
);

CREATE INDEX ix_host_audit_rows_at ON host_audit_rows (at);

CREATE TABLE host_configs (
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	revision BIGINT NOT NULL,
	shown BLOB NOT NULL,
	topology BLOB,
	earlier BLOB,
	about BLOB,
	at BIGINT NOT NULL,
	CONSTRAINT pk_host_configs PRIMARY KEY (site, host)
);

CREATE TABLE host_documents (
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	at BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	n BIGINT NOT NULL,
	said_at BIGINT NOT NULL,
	body BLOB NOT NULL,
	CONSTRAINT pk_host_documents PRIMARY KEY (site, host, kind)
);

CREATE TABLE host_groups (
	name VARCHAR(36) NOT NULL,
	selection TEXT NOT NULL,
	description TEXT NOT NULL,
	revision BIGINT NOT NULL,
	changed_at BIGINT NOT NULL,
	changed_by VARCHAR(200) NOT NULL,
	CONSTRAINT pk_host_groups PRIMARY KEY (name)
);

CREATE TABLE host_guests (
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	uuid VARCHAR(36) NOT NULL,
	guest_id VARCHAR(16) NOT NULL,
	name VARCHAR(255) NOT NULL,
	name_low VARCHAR(255) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	state VARCHAR(16) NOT NULL,
	as_of BIGINT NOT NULL,
	source VARCHAR(16) NOT NULL,
	reason VARCHAR(200) NOT NULL,
	CONSTRAINT pk_host_guests PRIMARY KEY (site, host, uuid)
);

CREATE INDEX ix_host_guests_guest_id_site_host ON host_guests (guest_id, site, host);

CREATE INDEX ix_host_guests_name_low_site_host ON host_guests (name_low, site, host);

CREATE TABLE host_revisions (
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	number BIGINT NOT NULL,
	hash VARCHAR(64) NOT NULL,
	author VARCHAR(200) NOT NULL,
	applied_at BIGINT NOT NULL,
	origin VARCHAR(16) NOT NULL,
	comment TEXT NOT NULL,
	CONSTRAINT pk_host_revisions PRIMARY KEY (site, host, number)
);

CREATE TABLE host_texts (
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	text TEXT NOT NULL,
	CONSTRAINT pk_host_texts PRIMARY KEY (site, host)
);

CREATE TABLE host_values (
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	name VARCHAR(80) NOT NULL,
	value VARCHAR(200) NOT NULL,
	low VARCHAR(200) NOT NULL,
	"key" VARCHAR(128) NOT NULL,
	CONSTRAINT pk_host_values PRIMARY KEY (site, host, name, value)
);

CREATE INDEX ix_host_values_name_key_site_host ON host_values (name, "key", site, host);

CREATE TABLE hosts (
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	first_seen_at BIGINT NOT NULL,
	listed BOOLEAN NOT NULL,
	revision BIGINT NOT NULL,
	given_label VARCHAR(200) NOT NULL,
	labels TEXT NOT NULL,
	notes TEXT NOT NULL,
	approval VARCHAR(16) NOT NULL,
	approved_by VARCHAR(200) NOT NULL,
	approved_at BIGINT NOT NULL,
	label VARCHAR(200) NOT NULL,
	label_low VARCHAR(200) NOT NULL,
	label_key VARCHAR(128) NOT NULL,
	state VARCHAR(16) NOT NULL,
	state_at BIGINT NOT NULL,
	heard_at BIGINT NOT NULL,
	said_at BIGINT NOT NULL,
	presence BLOB,
	epoch BIGINT NOT NULL,
	agent_version VARCHAR(64) NOT NULL,
	agent_key VARCHAR(128) NOT NULL,
	own_label VARCHAR(200) NOT NULL,
	driver VARCHAR(16) NOT NULL,
	hostname VARCHAR(255) NOT NULL,
	hostname_low VARCHAR(255) NOT NULL,
	kernel VARCHAR(128) NOT NULL,
	kernel_key VARCHAR(128) NOT NULL,
	machine VARCHAR(32) NOT NULL,
	clock VARCHAR(16) NOT NULL,
	cpus BIGINT NOT NULL,
	memory_mib BIGINT NOT NULL,
	guests BIGINT NOT NULL,
	guests_running BIGINT NOT NULL,
	sync VARCHAR(16) NOT NULL,
	active_revision BIGINT NOT NULL,
	drift BIGINT NOT NULL,
	reboot BOOLEAN NOT NULL,
	CONSTRAINT pk_hosts PRIMARY KEY (site, host)
);

CREATE INDEX ix_hosts_agent_key_site_host ON hosts (agent_key, site, host);

CREATE INDEX ix_hosts_approval_site_host ON hosts (approval, site, host);

CREATE INDEX ix_hosts_heard_at_site_host ON hosts (heard_at, site, host);

CREATE INDEX ix_hosts_label_key_site_host ON hosts (label_key, site, host);

CREATE INDEX ix_hosts_state_site_host ON hosts (state, site, host);

CREATE TABLE idempotency (
	person_id VARCHAR(36) NOT NULL,
	"key" VARCHAR(64) NOT NULL,
	method VARCHAR(8) NOT NULL,
	path VARCHAR(512) NOT NULL,
	body_hash BLOB NOT NULL,
	request_id VARCHAR(36) NOT NULL,
	state VARCHAR(8) NOT NULL,
	begun_at BIGINT NOT NULL,
	status INTEGER,
	headers TEXT,
	body BLOB,
	CONSTRAINT pk_idempotency PRIMARY KEY (person_id, "key")
);

CREATE INDEX ix_idempotency_begun_at ON idempotency (begun_at);

CREATE TABLE job_bodies (
	hash VARCHAR(64) NOT NULL,
	body BLOB NOT NULL,
	CONSTRAINT pk_job_bodies PRIMARY KEY (hash)
);

CREATE TABLE job_results (
	job_id VARCHAR(64) NOT NULL,
	reply BLOB,
	error BLOB,
	final BLOB,
	CONSTRAINT pk_job_results PRIMARY KEY (job_id)
);

CREATE TABLE jobs (
	id VARCHAR(64) NOT NULL,
	host VARCHAR(73) NOT NULL,
	site VARCHAR(36) NOT NULL,
	operation VARCHAR(64) NOT NULL,
	risk SMALLINT NOT NULL,
	body_hash VARCHAR(64) NOT NULL,
	created_at BIGINT NOT NULL,
	deadline_at BIGINT NOT NULL,
	person_id VARCHAR(36),
	person VARCHAR(200) NOT NULL,
	origin VARCHAR(16) NOT NULL,
	rollout_id VARCHAR(36),
	wave INTEGER,
	project_id VARCHAR(128),
	plan_id VARCHAR(64),
	not_before BIGINT,
	window VARCHAR(64),
	approval_id VARCHAR(36),
	retry_of VARCHAR(64),
	note TEXT NOT NULL,
	deadline_of VARCHAR(8) NOT NULL,
	state VARCHAR(20) NOT NULL,
	request_id VARCHAR(32),
	issuer VARCHAR(64),
	attempts INTEGER NOT NULL,
	first_sent_at BIGINT,
	sent_at BIGINT,
	expires_at BIGINT,
	accepted_at BIGINT,
	finished_at BIGINT,
	next_at BIGINT,
	silent INTEGER NOT NULL,
	cancel_at BIGINT,
	cancel_by VARCHAR(200),
	code VARCHAR(64),
	message TEXT,
	verified BOOLEAN NOT NULL,
	retried_by VARCHAR(64),
	revision BIGINT NOT NULL,
	CONSTRAINT pk_jobs PRIMARY KEY (id)
);

CREATE INDEX ix_jobs_approval_id ON jobs (approval_id);

CREATE INDEX ix_jobs_body_hash ON jobs (body_hash);

CREATE INDEX ix_jobs_created_at_id ON jobs (created_at, id);

CREATE INDEX ix_jobs_finished_at ON jobs (finished_at);

CREATE INDEX ix_jobs_host_created_at ON jobs (host, created_at);

CREATE INDEX ix_jobs_plan_id ON jobs (plan_id);

CREATE INDEX ix_jobs_rollout_id_wave ON jobs (rollout_id, wave);

CREATE INDEX ix_jobs_state_created_at ON jobs (state, created_at);

CREATE TABLE notices (
	id INTEGER NOT NULL,
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	class VARCHAR(8) NOT NULL,
	log BLOB NOT NULL,
	spool_class VARCHAR(8) NOT NULL,
	seq BIGINT NOT NULL,
	at BIGINT NOT NULL,
	came_at BIGINT NOT NULL,
	event VARCHAR(64) NOT NULL,
	document TEXT NOT NULL,
	CONSTRAINT pk_notices PRIMARY KEY (id)
);

CREATE INDEX ix_notices_came ON notices (came_at);

CREATE INDEX ix_notices_host ON notices (site, host, id);

CREATE UNIQUE INDEX ix_notices_number ON notices (site, host, spool_class, log, seq);

CREATE TABLE pinned_projects (
	pin VARCHAR(64) NOT NULL,
	site VARCHAR(64) NOT NULL,
	text BLOB NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_pinned_projects PRIMARY KEY (pin)
);

CREATE TABLE plan_jobs (
	job_id VARCHAR(64) NOT NULL,
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	plan_id VARCHAR(64) NOT NULL,
	verb VARCHAR(16) NOT NULL,
	author_id VARCHAR(64) NOT NULL,
	author VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	draft_revision BIGINT,
	confirms BOOLEAN NOT NULL,
	state VARCHAR(20),
	code VARCHAR(64),
	revision BIGINT,
	hash VARCHAR(64),
	ended_at BIGINT,
	done_at BIGINT,
	CONSTRAINT pk_plan_jobs PRIMARY KEY (job_id)
);

CREATE INDEX ix_plan_jobs_done_at ON plan_jobs (done_at);

CREATE INDEX ix_plan_jobs_site_host_at ON plan_jobs (site, host, at);

CREATE TABLE plan_remarks (
	id INTEGER NOT NULL,
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	plan_id VARCHAR(64) NOT NULL,
	verb VARCHAR(16) NOT NULL,
	author_id VARCHAR(64) NOT NULL,
	author VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	note TEXT NOT NULL,
	CONSTRAINT pk_plan_remarks PRIMARY KEY (id)
);

CREATE INDEX ix_plan_remarks_site_host_plan_id ON plan_remarks (site, host, plan_id);

CREATE TABLE plans (
	site VARCHAR(64) NOT NULL,
	host VARCHAR(64) NOT NULL,
	plan_id VARCHAR(64) NOT NULL,
	origin VARCHAR(16) NOT NULL,
	draft_revision BIGINT,
	to_revision BIGINT,
	base_revision BIGINT,
	document BLOB NOT NULL,
	options TEXT NOT NULL,
	"plan" BLOB NOT NULL,
	author_id VARCHAR(64) NOT NULL,
	author VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_plans PRIMARY KEY (site, host, plan_id)
);

CREATE INDEX ix_plans_site_host_at ON plans (site, host, at);

CREATE TABLE project_revisions (
	name VARCHAR(64) NOT NULL,
	revision BIGINT NOT NULL,
	author_id VARCHAR(64) NOT NULL,
	author VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	summary VARCHAR(300) NOT NULL,
	changes BLOB NOT NULL,
	text BLOB NOT NULL,
	CONSTRAINT pk_project_revisions PRIMARY KEY (name, revision)
);

CREATE TABLE projects (
	name VARCHAR(64) NOT NULL,
	site VARCHAR(64) NOT NULL,
	revision BIGINT NOT NULL,
	hosts TEXT NOT NULL,
	text BLOB,
	author_id VARCHAR(64) NOT NULL,
	author VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_projects PRIMARY KEY (name)
);

CREATE TABLE revoked_tokens (
	id VARCHAR(36) NOT NULL,
	revoked_at BIGINT NOT NULL,
	CONSTRAINT pk_revoked_tokens PRIMARY KEY (id)
);

CREATE INDEX ix_revoked_tokens_revoked_at ON revoked_tokens (revoked_at);

CREATE TABLE rollout_targets (
	rollout_id VARCHAR(36) NOT NULL,
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	state VARCHAR(20) NOT NULL,
	wave INTEGER,
	attempt SMALLINT NOT NULL,
	tries SMALLINT NOT NULL,
	job VARCHAR(36),
	started_at BIGINT,
	due_at BIGINT,
	settled_at BIGINT,
	retry_at BIGINT,
	reached BOOLEAN NOT NULL,
	again BOOLEAN NOT NULL,
	ready BOOLEAN NOT NULL,
	approval VARCHAR(36),
	alarm TEXT,
	code VARCHAR(64),
	message TEXT,
	plan_id VARCHAR(64),
	plan_risk SMALLINT,
	CONSTRAINT pk_rollout_targets PRIMARY KEY (rollout_id, site, host)
);

CREATE INDEX ix_rollout_targets_rollout_id_state ON rollout_targets (rollout_id, state);

CREATE INDEX ix_rollout_targets_site_host ON rollout_targets (site, host);

CREATE TABLE rollouts (
	id VARCHAR(36) NOT NULL,
	name VARCHAR(100) NOT NULL,
	spec TEXT NOT NULL,
	spec_revision BIGINT NOT NULL,
	person_id VARCHAR(36) NOT NULL,
	person VARCHAR(64) NOT NULL,
	token TEXT,
	pin VARCHAR(64),
	created_at BIGINT NOT NULL,
	state VARCHAR(16) NOT NULL,
	reason TEXT NOT NULL,
	wave INTEGER,
	soak_until BIGINT,
	accepted_wave INTEGER,
	excused_executed INTEGER NOT NULL,
	excused_failed INTEGER NOT NULL,
	starts TEXT NOT NULL,
	joining_until BIGINT,
	started_at BIGINT,
	ended_at BIGINT,
	next_at BIGINT,
	version BIGINT NOT NULL,
	CONSTRAINT pk_rollouts PRIMARY KEY (id)
);

CREATE INDEX ix_rollouts_ended_at ON rollouts (ended_at);

CREATE INDEX ix_rollouts_state_id ON rollouts (state, id);

CREATE TABLE sessions (
	hash BLOB NOT NULL,
	id VARCHAR(36) NOT NULL,
	person_id VARCHAR(36) NOT NULL,
	created_at BIGINT NOT NULL,
	used_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	address VARCHAR(64) NOT NULL,
	agent VARCHAR(200) NOT NULL,
	CONSTRAINT pk_sessions PRIMARY KEY (hash),
	CONSTRAINT uq_sessions_id UNIQUE (id)
);

CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);

CREATE INDEX ix_sessions_person_id ON sessions (person_id);

CREATE TABLE telemetry_by_hour (
	slot INTEGER NOT NULL,
	series INTEGER NOT NULL,
	time BIGINT NOT NULL,
	low DOUBLE NOT NULL,
	high DOUBLE NOT NULL,
	total DOUBLE NOT NULL,
	n BIGINT NOT NULL,
	last DOUBLE NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_telemetry_by_hour PRIMARY KEY (slot, series, time)
)
 WITHOUT ROWID;

CREATE TABLE telemetry_by_minute (
	slot INTEGER NOT NULL,
	series INTEGER NOT NULL,
	time BIGINT NOT NULL,
	low DOUBLE NOT NULL,
	high DOUBLE NOT NULL,
	total DOUBLE NOT NULL,
	n BIGINT NOT NULL,
	last DOUBLE NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_telemetry_by_minute PRIMARY KEY (slot, series, time)
)
 WITHOUT ROWID;

CREATE TABLE telemetry_by_quarter (
	slot INTEGER NOT NULL,
	series INTEGER NOT NULL,
	time BIGINT NOT NULL,
	low DOUBLE NOT NULL,
	high DOUBLE NOT NULL,
	total DOUBLE NOT NULL,
	n BIGINT NOT NULL,
	last DOUBLE NOT NULL,
	last_at BIGINT NOT NULL,
	CONSTRAINT pk_telemetry_by_quarter PRIMARY KEY (slot, series, time)
)
 WITHOUT ROWID;

CREATE TABLE telemetry_due (
	level VARCHAR(8) NOT NULL,
	number INTEGER NOT NULL,
	block INTEGER NOT NULL,
	touched BIGINT NOT NULL,
	CONSTRAINT pk_telemetry_due PRIMARY KEY (level, number, block)
);

CREATE TABLE telemetry_expired (
	level VARCHAR(8) NOT NULL,
	before_slot INTEGER NOT NULL,
	CONSTRAINT pk_telemetry_expired PRIMARY KEY (level)
);

CREATE TABLE telemetry_gaps (
	host INTEGER NOT NULL,
	log BLOB NOT NULL,
	spool_class VARCHAR(8) NOT NULL,
	first BIGINT NOT NULL,
	why VARCHAR(12) NOT NULL,
	last BIGINT NOT NULL,
	since BIGINT NOT NULL,
	until BIGINT NOT NULL,
	told_at BIGINT NOT NULL,
	text TEXT NOT NULL,
	CONSTRAINT pk_telemetry_gaps PRIMARY KEY (host, log, spool_class, first, why)
);

CREATE INDEX ix_telemetry_gaps_host_until ON telemetry_gaps (host, until);

CREATE TABLE telemetry_hosts (
	id INTEGER NOT NULL,
	site VARCHAR(36) NOT NULL,
	host VARCHAR(36) NOT NULL,
	offset_ms BIGINT NOT NULL,
	offset_at BIGINT NOT NULL,
	newest_ms BIGINT NOT NULL,
	refused_series BIGINT NOT NULL,
	CONSTRAINT pk_telemetry_hosts PRIMARY KEY (id),
	CONSTRAINT uq_telemetry_hosts_site_host UNIQUE (site, host)
);

CREATE TABLE telemetry_received (
	host INTEGER NOT NULL,
	log BLOB NOT NULL,
	spool_class VARCHAR(8) NOT NULL,
	first BIGINT NOT NULL,
	last BIGINT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_telemetry_received PRIMARY KEY (host, log, spool_class, first)
);

CREATE INDEX ix_telemetry_received_at ON telemetry_received (at);

CREATE TABLE telemetry_samples (
	slot INTEGER NOT NULL,
	series INTEGER NOT NULL,
	time BIGINT NOT NULL,
	value DOUBLE NOT NULL,
	CONSTRAINT pk_telemetry_samples PRIMARY KEY (slot, series, time)
)
 WITHOUT ROWID;

CREATE TABLE telemetry_series (
	id INTEGER NOT NULL,
	host INTEGER NOT NULL,
	text VARCHAR(512) NOT NULL,
	kind VARCHAR(8) NOT NULL,
	seen_day INTEGER NOT NULL,
	CONSTRAINT pk_telemetry_series PRIMARY KEY (id),
	CONSTRAINT uq_telemetry_series_host_text UNIQUE (host, text)
);

CREATE TABLE telemetry_starts (
	series INTEGER NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_telemetry_starts PRIMARY KEY (series, at)
);

CREATE TABLE tokens (
	id VARCHAR(36) NOT NULL,
	person_id VARCHAR(36) NOT NULL,
	name VARCHAR(64) NOT NULL,
	hash BLOB NOT NULL,
	bindings TEXT,
	created_at BIGINT NOT NULL,
	expires_at BIGINT,
	used_at BIGINT,
	used_from VARCHAR(64),
	parent_id VARCHAR(36),
	CONSTRAINT pk_tokens PRIMARY KEY (id),
	CONSTRAINT uq_tokens_person_id_name UNIQUE (person_id, name),
	CONSTRAINT uq_tokens_hash UNIQUE (hash)
);

CREATE INDEX ix_tokens_parent_id ON tokens (parent_id);

CREATE TABLE trust_documents (
	site VARCHAR(36) NOT NULL,
	root VARCHAR(64) NOT NULL,
	roots INTEGER NOT NULL,
	revision BIGINT NOT NULL,
	members_revision BIGINT NOT NULL,
	document BLOB NOT NULL,
	kept_at BIGINT NOT NULL,
	CONSTRAINT pk_trust_documents PRIMARY KEY (site, root)
);

CREATE TABLE user_key_challenges (
	challenge BLOB NOT NULL,
	person_id VARCHAR(36) NOT NULL,
	expires_at BIGINT NOT NULL,
	CONSTRAINT pk_user_key_challenges PRIMARY KEY (challenge)
);

CREATE INDEX ix_user_key_challenges_person_id ON user_key_challenges (person_id);

CREATE TABLE user_keys (
	id VARCHAR(16) NOT NULL,
	person_id VARCHAR(36) NOT NULL,
	public_key VARCHAR(64) NOT NULL,
	label VARCHAR(64) NOT NULL,
	enrolled_at BIGINT NOT NULL,
	revoked_at BIGINT,
	CONSTRAINT pk_user_keys PRIMARY KEY (id),
	CONSTRAINT uq_user_keys_public_key UNIQUE (public_key)
);

CREATE INDEX ix_user_keys_person_id ON user_keys (person_id);

CREATE TABLE users (
	id VARCHAR(36) NOT NULL,
	name VARCHAR(36) NOT NULL,
	label VARCHAR(128) NOT NULL,
	password_hash VARCHAR(256) NOT NULL,
	disabled BOOLEAN NOT NULL,
	must_change BOOLEAN NOT NULL,
	created_at BIGINT NOT NULL,
	login_at BIGINT,
	failures INTEGER NOT NULL,
	blocked_until BIGINT NOT NULL,
	revision BIGINT NOT NULL,
	CONSTRAINT pk_users PRIMARY KEY (id),
	CONSTRAINT uq_users_name UNIQUE (name)
);

CREATE TABLE webhook_outbox (
	id INTEGER NOT NULL,
	webhook VARCHAR(36) NOT NULL,
	event VARCHAR(16) NOT NULL,
	about VARCHAR(36) NOT NULL,
	document TEXT NOT NULL,
	at BIGINT NOT NULL,
	tries INTEGER NOT NULL,
	next_at BIGINT NOT NULL,
	CONSTRAINT pk_webhook_outbox PRIMARY KEY (id)
);

CREATE INDEX ix_webhook_outbox_next ON webhook_outbox (next_at);

CREATE INDEX ix_webhook_outbox_webhook ON webhook_outbox (webhook, id);

CREATE TABLE webhooks (
	id VARCHAR(36) NOT NULL,
	name VARCHAR(64) NOT NULL,
	url TEXT NOT NULL,
	secret VARCHAR(64) NOT NULL,
	least_severity VARCHAR(10) NOT NULL,
	events VARCHAR(64) NOT NULL,
	enabled BOOLEAN NOT NULL,
	revision BIGINT NOT NULL,
	changed_at BIGINT NOT NULL,
	changed_by VARCHAR(64) NOT NULL,
	delivered_at BIGINT,
	failed_at BIGINT,
	failure TEXT NOT NULL,
	dropped BIGINT NOT NULL,
	CONSTRAINT pk_webhooks PRIMARY KEY (id),
	CONSTRAINT uq_webhooks_name UNIQUE (name)
);

CREATE TABLE windows (
	name VARCHAR(64) NOT NULL,
	spec TEXT NOT NULL,
	revision BIGINT NOT NULL,
	changed_at BIGINT NOT NULL,
	changed_by VARCHAR(200) NOT NULL,
	CONSTRAINT pk_windows PRIMARY KEY (name)
);
