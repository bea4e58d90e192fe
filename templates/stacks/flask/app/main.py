"""The application: your routes, and every error as a JSON object with an `error` text."""

from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException

from app.routes import routes

app = Flask(__name__)
app.register_blueprint(routes)


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    """Answer unknown routes, bodies that are not JSON, and what a route aborts with or fails to catch."""
    response = error.get_response()
    response.data = json.dumps({"error": error.description})
    response.content_type = "application/json"
    return response
