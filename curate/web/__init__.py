"""The web's own rules: addresses, robots.txt, opt-outs, media types, encodings. Nothing here makes a request.

Reading order: urls, domains, robots, robot_paths, optouts, sniff, encoding.
"""
