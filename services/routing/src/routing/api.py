"""gRPC ↔ handlers; opens the transactions."""

from uuid import UUID

import grpc
from guiche.common.v1.reference_pb2 import Reference
from guiche.routing.v1 import (
    directory_pb2,
    directory_service_pb2,
    directory_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)

from routing import events
from routing.config import RoutingSettings
from routing.domain.attempts import Limits
from routing.handlers import directory, sessions
from routing.handlers.passwords import Passwords
from routing.handlers.sessions import CredentialsRejected, Opened, SessionEnded
from routing.storage.directory import Me
from servicekit.database import Database
from servicekit.errors import Unauthenticated
from servicekit.rpc.caller import calling_attendant
from servicekit.rpc.server import AddServicer
from servicekit.tokens import Keys

ACCESS_SECONDS = 300


class DirectoryService(directory_service_pb2_grpc.DirectoryServiceServicer):
    def __init__(self, database: Database) -> None:
        self.database = database

    def GetMe(
        self, request: directory_service_pb2.GetMeRequest, context: grpc.ServicerContext
    ) -> directory_service_pb2.GetMeResponse:
        caller = calling_attendant()
        with self.database.transaction() as connection:
            me = directory.get_me(connection, to_uuid(caller.organization_id), to_uuid(caller.id))
        return directory_service_pb2.GetMeResponse(me=to_me(me))


class SessionService(session_service_pb2_grpc.SessionServiceServicer):
    """A password is checked between two transactions: it takes as long as fifty queries."""

    def __init__(self, database: Database, keys: Keys, passwords: Passwords, settings: RoutingSettings) -> None:
        self.database = database
        self.keys = keys
        self.passwords = passwords
        self.settings = settings
        self.limits = Limits(
            settings.sign_in_address_failures,
            settings.sign_in_address_window,
            settings.sign_in_name_failures,
            settings.sign_in_name_longest_delay,
        )

    def SignIn(
        self, request: session_service_pb2.SignInRequest, context: grpc.ServicerContext
    ) -> session_service_pb2.SignInResponse:
        with self.database.transaction() as connection:
            attempt = sessions.begin_sign_in(connection, self.limits, request.username, request.client_address)
        stored = attempt.credentials.password_hash if attempt.credentials else None
        check = self.passwords.check(stored, request.password)
        with self.database.transaction() as connection:
            opened = sessions.finish_sign_in(connection, attempt, check, self.settings.session_age)
        if opened is None:
            raise CredentialsRejected("The name or the password is not right.")
        return session_service_pb2.SignInResponse(tokens=self.tokens(opened))

    def RefreshSession(
        self, request: session_service_pb2.RefreshSessionRequest, context: grpc.ServicerContext
    ) -> session_service_pb2.RefreshSessionResponse:
        with self.database.transaction() as connection:
            opened = sessions.refresh(connection, request.refresh_token, self.settings.session_idle)
        if opened is None:
            raise SessionEnded("The session has ended. Sign in again.")
        return session_service_pb2.RefreshSessionResponse(tokens=self.tokens(opened))

    def SignOut(
        self, request: session_service_pb2.SignOutRequest, context: grpc.ServicerContext
    ) -> session_service_pb2.SignOutResponse:
        with self.database.transaction() as connection:
            sessions.sign_out(connection, request.refresh_token)
        return session_service_pb2.SignOutResponse()

    def tokens(self, opened: Opened) -> session_service_pb2.Tokens:
        claims = {
            "sub": str(opened.attendant_id),
            "org": str(opened.organization_id),
            "sid": str(opened.session_id),
        }
        access = self.keys.sign("gateway", ACCESS_SECONDS, claims)
        return session_service_pb2.Tokens(
            access_token=access, expires_in=ACCESS_SECONDS, refresh_token=opened.refresh_token
        )


def to_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Unauthenticated("The token names nobody.") from error


def to_me(me: Me) -> directory_pb2.Me:
    projects = {row.project_id: row.project_name for row in me.places}
    departments: dict[UUID, directory_pb2.MyDepartment] = {}
    for row in me.places:
        department = departments.setdefault(
            row.department_id,
            directory_pb2.MyDepartment(
                department=Reference(id=str(row.department_id), name=row.department_name),
                project=Reference(id=str(row.project_id), name=row.project_name),
            ),
        )
        if row.level_id:
            department.levels.append(Reference(id=str(row.level_id), name=row.level_name or ""))
    person = me.person
    return directory_pb2.Me(
        attendant=Reference(id=str(person.id), name=person.name),
        username=person.username,
        email=person.email,
        organizations=[Reference(id=str(person.organization_id), name=person.organization_name)],
        projects=[Reference(id=str(project_id), name=name) for project_id, name in projects.items()],
        departments=departments.values(),
        roles=[events.role_message(role) for role in me.roles],
    )


def servicers(database: Database, keys: Keys, passwords: Passwords, settings: RoutingSettings) -> list[AddServicer]:
    people = DirectoryService(database)
    accounts = SessionService(database, keys, passwords, settings)
    return [
        lambda server: directory_service_pb2_grpc.add_DirectoryServiceServicer_to_server(people, server),
        lambda server: session_service_pb2_grpc.add_SessionServiceServicer_to_server(accounts, server),
    ]
