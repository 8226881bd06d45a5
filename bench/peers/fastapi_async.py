"""FastAPI, PyJWT and SQLAlchemy Core, asynchronous throughout: aiosqlite, or psycopg's asynchronous connections."""

import os
import time
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from bench.peers import job, tables
from bench.peers.fastapi_models import Identify, Message

app = FastAPI()
# psycopg 3 has both faces under one name.
engine = create_async_engine(os.environ["BENCH_DATABASE_URL"].replace("sqlite:", "sqlite+aiosqlite:", 1))
prepared = tables.Prepared(engine.dialect) if os.environ.get("BENCH_TUNED") else None
add_customer = tables.insert_once(engine.dialect.name, tables.customers)
add_message = tables.insert_once(engine.dialect.name, tables.messages)


async def database():
    """Yield what a request asks: a session, as FastAPI's documentation has it, or when tuned the bare connection."""
    async with AsyncSession(engine) if prepared is None else engine.connect() as opened:
        yield opened


Database = Annotated[AsyncSession, Depends(database)]


@app.post("/v1/organizations/{organization_id}/identify")
async def identify(
    organization_id: str, body: Identify, response: Response, connection: Database, origin: str | None = Header(None)
):
    """Answer an identify."""
    now, said = time.time(), job.claimed(body.userJwt)
    asked = {"organization_id": organization_id, "external_id": said.get("sub"), "now": now}
    if prepared is None:
        rows = (await connection.execute(tables.find(**asked))).all()
    else:
        rows = (await connection.exec_driver_sql(prepared.sql, prepared.values(**asked))).all()
    if not rows:
        raise HTTPException(404, "unknown_organization")
    known = rows[0]
    if not job.is_allowed(origin, known.origins):
        raise HTTPException(403, "origin_not_allowed")
    claims, reason = job.weigh(body.userJwt, [row.secret for row in rows if row.secret])
    customer_id = known.id
    if claims.get("sub") is None:
        customer_id = None
    elif customer_id is None:
        await connection.execute(add_customer, job.new_customer(organization_id, claims, reason, now))
        customer_id = (await connection.execute(tables.FIND_ID, asked)).scalar_one()
        await connection.commit()
    elif changed := job.changes(known, claims, reason, now):
        await connection.execute(tables.UPDATE, {"customer_id": customer_id} | changed)
        await connection.commit()
    response.headers.update(job.cors(origin))
    return job.answer(claims, reason, job.session_claims(organization_id, customer_id, reason))


@app.post("/v1/messages", status_code=201)
async def message(
    body: Message,
    response: Response,
    connection: Database,
    authorization: str | None = Header(None),
    origin: str | None = Header(None),
):
    """Store a message, once."""
    try:
        session = job.read_session(authorization)
    except jwt.InvalidTokenError:
        raise HTTPException(401, "session_invalid") from None
    await connection.execute(add_message, job.new_message(session, body.model_dump(), time.time()))
    await connection.commit()
    response.headers.update(job.cors(origin))
    return {"message": {"text": body.text, "clientMessageId": body.clientMessageId}}
