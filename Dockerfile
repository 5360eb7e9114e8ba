# docker build -t pincite . && docker run -p 7860:7860 -e PINCITE_AUTH=name:password -v pincite:/data --read-only --tmpfs /tmp pincite
FROM python:3.12-slim

RUN useradd --uid 1000 --create-home pincite && install -d -o pincite /data
WORKDIR /app
COPY pyproject.toml README.md LICENSE pytest_pincite.py app.py ./
COPY articles articles
COPY evals evals
COPY index index
COPY rag rag
COPY ui ui
RUN pip install --no-cache-dir .

USER pincite
ENV PINCITE_HOME=/data GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 GRADIO_TEMP_DIR=/tmp/arrivals
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
# For programs in the place of the window: pincite serve --host 0.0.0.0 --port 7860, with PINCITE_TOKENS.
CMD ["python", "app.py"]
