from gateway.serving import serve_granian

serve_granian()
