from lib.cli import main

if __name__ == "__main__":  # not in the processes that a study starts
    main()
