"""A Flask application whose view is limited by the address of the client. Run it with `flask --app flask_app run`."""

import os

import redis_rl
from flask import Flask
from redis_rl.flask import rate_limit

app = Flask(__name__)
limiter = redis_rl.Limiter(os.environ.get("REDIS_URL", "redis://localhost"), fail="open")


@app.get("/")
@rate_limit(limiter, redis_rl.Slide(100, 60))
def index() -> str:
    return "hello"
