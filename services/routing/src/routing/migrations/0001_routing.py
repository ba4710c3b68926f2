"""The directory, sessions, rules and occurrences."""

from alembic import op

from servicekit.alembic.tables import create_event_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_event_tables()
    create_directory()
    create_sessions()
    create_occurrences()


def create_directory() -> None:
    # The organization stands in every key that is referred to, so that nothing can be linked across organizations.
    op.execute("""
        CREATE TABLE organizations (
            id uuid PRIMARY KEY,
            name text NOT NULL UNIQUE CHECK (name <> ''),
            time_zone text NOT NULL,
            version bigint NOT NULL DEFAULT 1
        );
        CREATE TABLE projects (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations,
            name text NOT NULL CHECK (name <> ''),
            UNIQUE (organization_id, name),
            UNIQUE (organization_id, id)
        );
        CREATE TABLE departments (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            project_id uuid NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            version bigint NOT NULL DEFAULT 1,
            UNIQUE (project_id, name),
            UNIQUE (organization_id, id),
            FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
        );
        CREATE TABLE levels (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL,
            department_id uuid NOT NULL,
            name text NOT NULL CHECK (name <> ''),
            position int NOT NULL CHECK (position > 0),
            version bigint NOT NULL DEFAULT 1,
            UNIQUE (department_id, name),
            UNIQUE (department_id, position),
            UNIQUE (organization_id, id),
            FOREIGN KEY (organization_id, department_id) REFERENCES departments (organization_id, id)
        );
        CREATE TABLE attendants (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations,
            name text NOT NULL CHECK (name <> ''),
            -- As compared: NFKC, case folded. Signing in names no organization, hence unique over all of them.
            username text NOT NULL UNIQUE CHECK (username <> ''),
            email text NOT NULL,
            password_hash text NOT NULL,
            -- Grows with each new password, not when the same one is hashed anew.
            password_version int NOT NULL DEFAULT 1,
            active boolean NOT NULL DEFAULT true,
            version bigint NOT NULL DEFAULT 1,
            UNIQUE (organization_id, id)
        );
        CREATE TABLE memberships (
            organization_id uuid NOT NULL,
            attendant_id uuid NOT NULL,
            level_id uuid NOT NULL,
            PRIMARY KEY (attendant_id, level_id),
            FOREIGN KEY (organization_id, attendant_id) REFERENCES attendants (organization_id, id),
            FOREIGN KEY (organization_id, level_id) REFERENCES levels (organization_id, id)
        );
        CREATE INDEX memberships_level ON memberships (level_id);
        CREATE TABLE roles (
            organization_id uuid NOT NULL,
            attendant_id uuid NOT NULL,
            role text NOT NULL CHECK (role IN ('SUPERVISOR', 'APPROVER', 'VIEWER', 'ADMINISTRATOR')),
            -- Null: the whole organization.
            department_id uuid,
            UNIQUE NULLS NOT DISTINCT (attendant_id, role, department_id),
            FOREIGN KEY (organization_id, attendant_id) REFERENCES attendants (organization_id, id),
            FOREIGN KEY (organization_id, department_id) REFERENCES departments (organization_id, id)
        );
    """)


def create_sessions() -> None:
    op.execute("""
        CREATE TABLE sessions (
            id uuid PRIMARY KEY,
            attendant_id uuid NOT NULL REFERENCES attendants,
            created_at timestamptz NOT NULL DEFAULT now(),
            refreshed_at timestamptz NOT NULL DEFAULT now(),
            expires_at timestamptz NOT NULL,
            ended_at timestamptz,
            end_reason text NOT NULL DEFAULT ''
        );
        CREATE INDEX sessions_live ON sessions (attendant_id) WHERE ended_at IS NULL;
        CREATE INDEX sessions_expiry ON sessions (expires_at);
        -- The tokens themselves are nowhere: who reads this table can refresh nothing.
        CREATE TABLE refresh_tokens (
            hash bytea PRIMARY KEY CHECK (length(hash) = 32),
            session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
            used_at timestamptz
        );
        CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
        -- Names as hashes: people type passwords into the wrong field, and names nobody has are nobody's business.
        CREATE TABLE sign_in_attempts (
            id uuid PRIMARY KEY,
            name_hash bytea NOT NULL,
            address text NOT NULL,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            -- Null while the password is being checked.
            succeeded boolean,
            -- A later success from the same address; counts no more for the name, but still for the address.
            forgiven boolean NOT NULL DEFAULT false
        );
        CREATE INDEX sign_in_attempts_name ON sign_in_attempts (name_hash, at);
        CREATE INDEX sign_in_attempts_address ON sign_in_attempts (address, at);
        CREATE INDEX sign_in_attempts_at ON sign_in_attempts (at);
        CREATE TABLE known_addresses (
            name_hash bytea NOT NULL,
            address text NOT NULL,
            last_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (name_hash, address)
        );
        CREATE INDEX known_addresses_last_at ON known_addresses (last_at);
    """)


def create_occurrences() -> None:
    op.execute("""
        CREATE TABLE rules (
            id uuid PRIMARY KEY,
            organization_id uuid NOT NULL REFERENCES organizations,
            account_id uuid NOT NULL,
            position int NOT NULL CHECK (position > 0),
            level_id uuid NOT NULL,
            priority text NOT NULL CHECK (priority IN ('LOW', 'MEDIUM_LOW', 'MEDIUM', 'MEDIUM_HIGH', 'HIGH')),
            UNIQUE (organization_id, account_id, position),
            FOREIGN KEY (organization_id, level_id) REFERENCES levels (organization_id, id)
        );
        CREATE TABLE occurrences (
            -- The message's id, so that the same message is the same occurrence however often it is told.
            id uuid PRIMARY KEY,
            position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
            organization_id uuid NOT NULL,
            account_id uuid NOT NULL,
            conversation_id uuid NOT NULL,
            platform text NOT NULL,
            sender_name text NOT NULL,
            sender_address text NOT NULL,
            subject text NOT NULL,
            snippet text NOT NULL,
            occurred_at timestamptz NOT NULL,
            traceparent text NOT NULL,
            state text NOT NULL DEFAULT 'NEW' CHECK (state IN ('NEW', 'ROUTED', 'WAITING', 'DISMISSED')),
            -- Why it waits or was dismissed.
            reason text NOT NULL DEFAULT '',
            publisher_id uuid,
            ticket_id uuid CHECK ((ticket_id IS NOT NULL) = (state = 'ROUTED')),
            received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            attempts int NOT NULL DEFAULT 0,
            next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            last_error text NOT NULL DEFAULT '',
            done_at timestamptz CHECK ((done_at IS NULL) = (state = 'NEW')),
            failed_at timestamptz
        );
        CREATE INDEX occurrences_due ON occurrences (position) WHERE done_at IS NULL AND failed_at IS NULL;
        CREATE INDEX occurrences_due_conversation ON occurrences (conversation_id, position)
            WHERE done_at IS NULL AND failed_at IS NULL;
        CREATE INDEX occurrences_failed ON occurrences (position) WHERE failed_at IS NOT NULL AND done_at IS NULL;
        CREATE INDEX occurrences_waiting ON occurrences (organization_id, position) WHERE state = 'WAITING';
    """)
