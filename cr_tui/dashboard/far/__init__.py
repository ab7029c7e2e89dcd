"""The dashboard of a store on another machine: its source here, and the answers there."""
